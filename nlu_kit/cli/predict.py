"""``nlu-kit predict``."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from nlu_kit.cli.options import device_option, load_registry, runtime_option, threshold_option
from nlu_kit.cli.output import say, say_json
from nlu_kit.errors import DataError, ModelError, NluKitError

if TYPE_CHECKING:
    from nlu_kit.data.lines import Stream
    from nlu_kit.registry import Registry
    from nlu_kit.runtime.predictor import Runtime
    from nlu_kit.runtime.texts import Utterance

STDIN = "-"


@click.command("predict")
@click.argument("texts", nargs=-1)
@click.option(
    "--model", "-m", type=click.Path(path_type=Path), default=Path("runs/latest"), show_default=True,
    help="A model folder, or a run's folder.",
)  # fmt: skip
@click.option(
    "--input", "-i", "source", metavar="FILE",
    help="Read texts from FILE: one a line; .jsonl with a \"text\" each; or data that a reader knows. '-' is stdin.",
)  # fmt: skip
@click.option(
    "--jsonl", is_flag=True, help='Lines are JSON objects with a "text" each, whatever FILE is called; also for stdin.'
)
@click.option(
    "--reader", metavar="NAME",
    help='The format of FILE, or {"type": …} with parameters. By default, the reader that recognises it.',
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
@device_option
@runtime_option
@threshold_option
def command(
    texts: tuple[str, ...],
    model: Path,
    source: str | None,
    jsonl: bool,
    reader: str | None,
    as_json: bool,
    device: str,
    runtime: Runtime,
    threshold: float | None,
) -> None:
    """Parse TEXTS: the intent with its confidence, the entities marked in the text, and whether it is out of scope.

    '-' as the only text reads stdin, one text a line, and answers each line when it comes, blank lines included. With
    --json, other keys of a JSON line (such as "id") are kept in its answer, under "input" if a prediction has the same
    key. A broken line ends the command with exit code 2, after the lines before it are answered.

    \b
    Examples:
      nlu-kit predict "book a table in Paris"
      nlu-kit predict --json "wake me at 7" "play some jazz"
      nlu-kit predict --input questions.txt --json > answers.jsonl
      tail -f questions.jsonl | nlu-kit predict --jsonl --json -
    """
    if texts == (STDIN,):
        texts, source = (), STDIN
    if bool(texts) == (source is not None):
        raise click.UsageError('give texts or --input FILE: nlu-kit predict "book a table in Paris"')
    if reader is not None and (jsonl or source in (None, STDIN)):
        raise click.UsageError("--reader is for --input FILE, without --jsonl")
    if jsonl and source is None:
        raise click.UsageError("--jsonl is for --input FILE, or '-'")
    if sys.stdout is None:
        raise NluKitError("stdout is closed, so the answers have nowhere to go; redirect it to a file")
    registry = load_registry()
    batches = _given(texts) if source is None else _read(source, jsonl, reader, model, registry)
    # Imported late: a mistake in the command line should show at once.
    from nlu_kit.cli.render import render
    from nlu_kit.runtime.predictor import load
    from nlu_kit.runtime.texts import answer

    predictor = load(model, device=device, threshold=threshold, runtime=runtime, registry=registry)
    for batch in batches:
        predictions = predictor.parse_many([utterance.text for utterance in batch])
        for prediction, utterance in zip(predictions, batch, strict=True):
            if as_json:
                say_answer(answer(prediction, utterance))
            else:
                say(render(prediction))


def say_answer(record: Mapping[str, Any]) -> None:
    """Print one line of JSON. Raises ModelError for NaN or Infinity, which JSON has not."""
    try:
        say_json(record)
    except ValueError as error:
        raise ModelError(
            "a prediction holds a number that is not finite, as it does when the model's weights are not finite: "
            "train again, with a smaller learning rate or training.precision=fp32"
        ) from error


def _given(texts: tuple[str, ...]) -> Iterator[list[Utterance]]:
    from nlu_kit.runtime.texts import Utterance, batches

    return batches(Utterance(text=text) for text in texts)


def _read(source: str, jsonl: bool, reader: str | None, model: Path, registry: Registry) -> Iterator[list[Utterance]]:
    """What is in a file, a folder or stdin. Raises DataError or PluginError at once where nothing can read it."""
    from nlu_kit.corpus.read import named_reader, recognising_reader
    from nlu_kit.data.lines import is_jsonl
    from nlu_kit.model.folder import find_model
    from nlu_kit.runtime.texts import from_file, from_reader, from_stream, plain_line, record_line

    if source == STDIN:
        if sys.stdin is None:
            raise DataError("stdin is closed, so there is nothing to read; name a file with --input")
        return from_stream(cast("Stream", sys.stdin.buffer), "stdin", record_line if jsonl else plain_line)
    path = Path(source)
    if not path.exists():
        raise DataError(f"there is no file {path}")
    if jsonl or (reader is None and is_jsonl(path)):
        return from_file(path, record_line)
    if reader is not None:
        return from_reader(path, named_reader(reader, registry))
    chosen = recognising_reader(path, find_model(model), registry)
    if chosen is not None:
        return from_reader(path, chosen)
    if path.is_dir():
        raise DataError(f"no installed reader recognises the folder {path}; name a file, or say how with --reader")
    return from_file(path, plain_line)
