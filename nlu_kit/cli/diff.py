"""``nlu-kit diff``."""

from __future__ import annotations

from pathlib import Path

import click

from nlu_kit.cli.evaluate import bar
from nlu_kit.cli.options import device_option, load_registry
from nlu_kit.cli.output import say

_PATH = click.Path(path_type=Path)


@click.command("diff")
@click.argument("model_a", type=_PATH)
@click.argument("model_b", type=_PATH)
@click.argument("data", type=_PATH)
@click.option(
    "--reader", metavar="NAME",
    help='The format of DATA, or {"type": …} with parameters. By default, the reader that recognises it.',
)  # fmt: skip
@click.option(
    "--output", type=click.Path(path_type=Path, file_okay=False), default=Path("diff"), show_default=True,
    metavar="DIR", help="Folder for the results.",
)  # fmt: skip
@click.option(
    "--max-regressions", type=click.IntRange(min=0), metavar="N",
    help="End with exit code 1 where more utterances than N are entirely right by MODEL_A and not by MODEL_B: every "
    "annotated head and, where both models have a detector, whether it rejects the utterance.",
)  # fmt: skip
@device_option
@click.option("--quiet", "-q", is_flag=True, help="Print only the table.")
@click.pass_context
def command(
    context: click.Context,
    model_a: Path,
    model_b: Path,
    data: Path,
    reader: str | None,
    output: Path,
    max_regressions: int | None,
    device: str,
    quiet: bool,
) -> None:
    """Show which utterances of DATA MODEL_B gets better than MODEL_A, and which worse.

    Models are model folders or runs' folders. Figures come with a paired bootstrap test, counts with McNemar's. Prints
    a table and writes diff.json and diff.html.

    \b
    Examples:
      nlu-kit diff runs/20260101-120000-my-bot runs/latest data/test.jsonl
      nlu-kit diff models/released runs/latest data/test.jsonl --max-regressions 5
    """
    # Imported late: these load numpy, and a mistake in the command line should show at once.
    from nlu_kit.evaluation.data import out_of_scope_intents, read_data
    from nlu_kit.evaluation.diff import compare, gate
    from nlu_kit.evaluation.diff_page import diff_page
    from nlu_kit.evaluation.diff_table import diff_lines
    from nlu_kit.evaluation.evaluation_files import json_text, prepare_folder, refuse_inputs, write_files
    from nlu_kit.model.folder import find_model

    registry = load_registry()
    folders = [find_model(model) for model in (model_a, model_b)]
    read = read_data(data, model=folders[1], registry=registry, reader=reader, beside=folders[:1])
    table, page = output / "diff.json", output / "diff.html"
    refuse_inputs([table, page], "--output", read=[read.path] if read.path.is_file() else [])
    prepare_folder(output)
    from nlu_kit.evaluation.evaluate import predict_examples  # loads torch
    from nlu_kit.runtime.predictor import load

    parts = []
    with bar(2 * len(read.examples), quiet=quiet) as on_progress:
        for folder in folders:
            predictor = load(folder, device=device, registry=registry)
            parts.append(predict_examples(predictor, read.examples, on_progress=on_progress)[0])
            del predictor  # one model in memory at a time
    intents = (out_of_scope_intents(folders[0]), out_of_scope_intents(folders[1]))
    summary = compare(*parts, models=(str(model_a), str(model_b)), data=str(read.path), out_of_scope=intents)
    if max_regressions is not None:
        summary["gate"] = gate(summary, max_regressions)
    texts = {table: json_text(summary), page: diff_page(summary)}
    files = write_files(texts)  # first: whoever reads the table may close the pipe early
    for line in diff_lines(summary):
        say(line)
    say(f"wrote {', '.join(str(file) for file in files)}")
    context.exit(0 if summary["gate"] is None or summary["gate"]["passed"] else 1)
