"""The model card: README.md of the model folder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nlu_kit.config.pipeline import Pipeline


def model_card(description: Mapping[str, Any], pipeline: Pipeline) -> str:
    """Markdown: what it predicts, what it was trained on, its figures, how to use it."""
    training = description["training"]
    names = list(dict.fromkeys([*training["dev"], *training["test"]]))
    rows = [f"| {name} | {_percent(training['dev'], name)} | {_percent(training['test'], name)} |" for name in names]
    heads = [
        f"- **{name}** (`{pipeline.heads[name].head.type}`): {len(labels)} classes: {', '.join(labels)}"
        for name, labels in description["labels"].items()
    ]
    providers = [
        f"- {entry['kind']} `{entry['type']}`: {entry['distribution']} {entry['version']}"
        for entry in description["providers"]
    ]
    return "\n".join(
        [
            f"# {description['name']}",
            "",
            f"A model trained with nlu-kit {description['nlu_kit']} (best epoch {training['best_epoch'] + 1}, "
            f"{training['precision']}).",
            "",
            "## Use",
            "",
            "```python",
            "import nlu_kit",
            "",
            'model = nlu_kit.load("path/to/this/folder")',
            'print(model("your text").to_json())',
            "```",
            "",
            'or `nlu-kit predict --model path/to/this/folder "your text"`',
            "",
            "## What it predicts",
            "",
            *heads,
            "",
            "## Data",
            "",
            ", ".join(f"{split}: {count:,} utterances" for split, count in training["sizes"].items()),
            "",
            "## Figures (percent)",
            "",
            "The best epoch was chosen on dev; test was read once, at the end.",
            "",
            "| | dev | test |",
            "|---|---|---|",
            *rows,
            "",
            "## Built with",
            "",
            *providers,
            "",
        ]
    )


def _percent(scores: Mapping[str, float], name: str) -> str:
    return f"{100 * scores[name]:.2f}" if name in scores else "–"
