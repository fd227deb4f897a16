"""The model card: README.md of the model folder."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from nlu_kit.config.pipeline import Pipeline
from nlu_kit.data.printable import one_line


def model_card(description: Mapping[str, Any], pipeline: Pipeline) -> str:
    """Markdown: what it predicts, what it was trained on, its figures, how to use it."""
    training = description["training"]
    names = list(dict.fromkeys([*training["dev"], *training["test"]]))
    rows = [f"| {name} | {_percent(training['dev'], name)} | {_percent(training['test'], name)} |" for name in names]
    heads = [
        f"- **{name}** (`{pipeline.heads[name].head.type}`): {len(labels)} classes: {', '.join(map(_code, labels))}"
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
            *_examples(description),
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
            *_corrections(description),
            *_confidence(description),
            "## Built with",
            "",
            *providers,
            "",
        ]
    )


def _code(text: str) -> str:
    """A label as Markdown that shows it and does nothing: in code there are no links, no markup and no HTML."""
    text = one_line(text)
    fence = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    edge = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{edge}{text}{edge}{fence}"


def _examples(description: Mapping[str, Any]) -> list[str]:
    texts = [f"- {_code(text)}" for text in description["examples"]]
    return ["## Try it with", "", *texts, ""] if texts else []


def _corrections(description: Mapping[str, Any]) -> list[str]:
    """What decoding takes back of what training added."""
    shares = ", ".join(f"{name} {correction['share']:g}" for name, correction in description["corrections"].items())
    said = f"Decoding takes this share of what class weights and sampling added off the logits: {shares}."
    return [said, ""] if shares else []


def _confidence(description: Mapping[str, Any]) -> list[str]:
    """How far its confidences can be trusted, and how it tells what is out of scope."""
    figures: Mapping[str, Mapping[str, float]] = description["training"]["confidence"]
    dev, test = figures.get("dev", {}), figures.get("test", {})
    detector = description["detector"]
    lines = []
    if detector:
        lines += [f"Above a score of {detector['threshold']:.6g} a text is out of scope ({detector['chosen']}).", ""]
    if dev or test:
        names = list(dict.fromkeys([*dev, *test]))
        rows = [f"| {name} | {_percent(dev, name)} | {_percent(test, name)} |" for name in names]
        lines += ["| | dev | test |", "|---|---|---|", *rows, ""]
    return ["## Confidence (percent)", "", *lines] if lines else []


def _percent(scores: Mapping[str, float], name: str) -> str:
    return f"{100 * scores[name]:.2f}" if name in scores else "–"
