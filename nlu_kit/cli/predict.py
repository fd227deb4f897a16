"""``nlu-kit predict``."""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import click

from nlu_kit.cli.options import device_option, load_registry, threshold_option
from nlu_kit.data.prediction import Prediction
from nlu_kit.errors import DataError, ModelError

_CHUNK = 256


@click.command("predict")
@click.argument("texts", nargs=-1)
@click.option(
    "--model", "-m", type=click.Path(path_type=Path), default=Path("runs/latest"), show_default=True,
    help="A model folder, or a run's folder.",
)  # fmt: skip
@click.option(
    "--input", "-i", "source", metavar="FILE",
    help="Read texts from FILE: one a line, or .jsonl with a \"text\" each; '-' is stdin.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
@device_option
@threshold_option
def command(
    texts: tuple[str, ...], model: Path, source: str | None, as_json: bool, device: str, threshold: float | None
) -> None:
    """Parse TEXTS: the intent with its confidence, the entities marked in the text, and whether it is out of scope.

    '-' as the only text reads stdin, one text a line.

    \b
    Examples:
      nlu-kit predict "book a table in Paris"
      nlu-kit predict --json "wake me at 7" "play some jazz"
      nlu-kit predict --input questions.txt --json > answers.jsonl
      cat questions.txt | nlu-kit predict -
    """
    if texts == ("-",):
        texts, source = (), "-"
    if bool(texts) == (source is not None):
        raise click.UsageError('give texts or --input FILE: nlu-kit predict "book a table in Paris"')
    lines: Iterable[str] = texts if source is None else read_texts(source)
    # Imported late: these load torch, and a mistake in the command line should show at once.
    from nlu_kit.cli.render import render
    from nlu_kit.inference.predictor import load

    predictor = load(model, device=device, threshold=threshold, registry=load_registry())
    for chunk in chunks(lines, size=_CHUNK):
        for prediction in predictor.parse_many(chunk):
            if as_json:
                click.echo(to_line(prediction))
            else:
                click.echo(render(prediction))


def to_line(prediction: Prediction) -> str:
    """The prediction as one line of JSON. Raises ModelError where it holds NaN or Infinity, which JSON has not."""
    try:
        return json.dumps(prediction.to_json(), ensure_ascii=False, allow_nan=False)
    except ValueError as error:
        raise ModelError(
            "a prediction holds a number that is not finite, as it does when the model's weights are not finite: "
            "train again, with a smaller learning rate or training.precision=fp32"
        ) from error


def read_texts(source: str) -> Iterator[str]:
    """The texts of a file or of stdin, one by one; blank lines are passed over.

    Raises DataError at once where there is no such file, and when it gets there, naming file and line, for what is
    not UTF-8 or, in a .jsonl file, not an object with a text.
    """
    if source == "-":
        return _texts_of(sys.stdin.buffer, "stdin", jsonl=False)
    file = Path(source)
    if not file.is_file():
        raise DataError(f"there is no file {file}")
    return _texts_in(file)


def _texts_in(file: Path) -> Iterator[str]:
    with file.open("rb") as stream:
        yield from _texts_of(stream, str(file), jsonl=file.suffix == ".jsonl")


def _texts_of(stream: Iterable[bytes], name: str, *, jsonl: bool) -> Iterator[str]:
    for number, raw in enumerate(stream, start=1):
        try:
            line = raw.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
        except UnicodeDecodeError as error:
            raise DataError(f"{name}:{number}: not UTF-8: {error}") from error
        if line.strip():
            yield _text_of(line, f"{name}:{number}") if jsonl else line


def _text_of(line: str, where: str) -> str:
    try:
        record = json.loads(line)
    except json.JSONDecodeError as error:
        raise DataError(f"{where}: not valid JSON: {error}") from error
    text = record.get("text") if isinstance(record, dict) else None
    if not isinstance(text, str):
        raise DataError(f'{where}: expected an object with a "text"')
    return text


def chunks(texts: Iterable[str], *, size: int) -> Iterator[list[str]]:
    """Lists of at most ``size`` texts, so that a large file streams."""
    iterator = iter(texts)
    while chunk := list(itertools.islice(iterator, size)):
        yield chunk
