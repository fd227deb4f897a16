"""``nlu-kit predict``."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from nlu_kit.cli.options import device_option, load_registry, runtime_option, threshold_option
from nlu_kit.cli.output import say, say_json
from nlu_kit.errors import DataError, ModelError, NluKitError
from nlu_kit.runtime.outputs import STDOUT, is_same_stream, named
from nlu_kit.stdout import stdout

if TYPE_CHECKING:
    from nlu_kit.data.lines import Stream
    from nlu_kit.data.prediction import Prediction
    from nlu_kit.registry import Registry
    from nlu_kit.runtime.predictor import Runtime
    from nlu_kit.runtime.rows import Row
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
    help="Read texts from FILE: one a line; .jsonl with a \"text\" each; csv, tsv or parquet with a column of them; or "
    "data that a reader knows. '-' is stdin.",
)  # fmt: skip
@click.option(
    "--jsonl", is_flag=True, help='Lines are JSON objects with a "text" each, whatever FILE is called; also for stdin.'
)
@click.option(
    "--reader", metavar="NAME",
    help='The format of FILE, or {"type": …} with parameters. By default, the reader that recognises it.',
)  # fmt: skip
@click.option(
    "--column", metavar="NAME", help="The column of FILE with the texts, of csv, tsv or parquet. By default, 'text'."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
@click.option(
    "--output", "-o", metavar="FILE.jsonl",
    help="Write the answers to --input here, as JSON lines, by one process per core; ended early, it can go on. "
    "FILE.jsonl.gz is gzipped; '-' is stdout.",
)  # fmt: skip
@click.option(
    "--errors", metavar="FILE.jsonl",
    help="With --output: set rows that are wrong aside, with line and reason, and go on.",
)  # fmt: skip
@click.option("--workers", type=click.IntRange(1, 256), help="With --output: how many processes.")
@click.option("--resume", is_flag=True, help="With --output: go on where the last command was ended.")
@click.option("--overwrite", is_flag=True, help="With --output: write over what is there.")
@click.option(
    "--engine", type=click.Choice(["local", "ray"]), default="local", show_default=True,
    help="With --output: where to work. ray: on a cluster, with one actor per core; FILE and its like may then be "
    "folders or URIs (s3://…), and the answers are a folder of parts.",
)  # fmt: skip
@click.option(
    "--url", metavar="URL",
    help="Ask the server there (nlu-kit serve) in place of a model here. NLU_KIT_TOKEN is its token, if it wants one.",
)  # fmt: skip
@device_option
@runtime_option
@threshold_option
def command(
    texts: tuple[str, ...],
    model: Path,
    source: str | None,
    jsonl: bool,
    reader: str | None,
    column: str | None,
    as_json: bool,
    output: str | None,
    errors: str | None,
    workers: int | None,
    resume: bool,
    overwrite: bool,
    engine: str,
    url: str | None,
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
      nlu-kit predict --input many.csv.gz --column question --output answers.jsonl --errors bad.jsonl
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
    if output is not None:
        source = _a_file(source, as_json)
    elif errors is not None or workers is not None or resume or overwrite or engine != "local":
        raise click.UsageError("--errors, --workers, --resume, --overwrite and --engine are for --output FILE")
    if column is not None and (source in (None, STDIN) or jsonl or reader is not None):
        raise click.UsageError("--column is for --input FILE, without --jsonl and --reader")
    if resume and overwrite:
        raise click.UsageError("--resume goes on with what is there, and --overwrite begins again: give one of them")
    if stdout() is None and (output is None or STDOUT in (named(output), errors and named(errors))):
        raise NluKitError("stdout is closed, so the answers have nowhere to go; redirect it to a file")
    if output is None and source is not None and is_same_stream(STDOUT, Path(source)):
        raise DataError(f"stdout would write into the input {source}; redirect it to another file")
    if engine == "ray" and (resume or reader is not None):
        raise click.UsageError(
            "--engine ray begins anew, and reads txt, jsonl, csv, tsv and parquet: no --resume, no --reader"
        )
    if url is not None and (output is not None or threshold is not None or device != "cpu" or runtime != "auto"):
        raise click.UsageError("--url prints the answers of a server's own model: no --output, --threshold, --runtime")
    options: dict[str, Any] = {"device": device, "threshold": threshold, "runtime": runtime}
    if output is not None and engine == "ray":
        assert source is not None
        from nlu_kit.cli.predict_file import predict_on_ray

        predict_on_ray(
            source=source,
            output=output,
            errors=errors,
            model=model,
            options=options,
            jsonl=jsonl,
            column=column,
            workers=workers,
            overwrite=overwrite,
        )
        return
    registry = load_registry()
    if output is not None:
        assert source is not None
        from nlu_kit.cli.predict_file import predict_file

        rows, reading = _rows(Path(source), jsonl, reader, column, model, registry)
        predict_file(
            rows=rows,
            source=Path(source),
            output=named(output),
            errors=None if errors is None else named(errors),
            reading=reading,
            model=model,
            workers=workers,
            resume=resume,
            overwrite=overwrite,
            options=options,
            registry=registry,
        )
        return
    batches = _given(texts) if source is None else _read(source, jsonl, reader, column, model, registry)
    # Imported late: a mistake in the command line should show at once.
    from nlu_kit.cli.render import render
    from nlu_kit.runtime.texts import answer

    parse_many = _asking(url) if url is not None else _loaded(model, registry, options)
    for batch in batches:
        predictions = parse_many([utterance.text for utterance in batch])
        for prediction, utterance in zip(predictions, batch, strict=True):
            if as_json:
                say_answer(answer(prediction, utterance))
            else:
                say(render(prediction))


ParseMany = Callable[["list[str]"], "list[Prediction]"]


def _loaded(model: Path, registry: Registry, options: Mapping[str, Any]) -> ParseMany:
    from nlu_kit.runtime.predictor import load

    return load(model, registry=registry, **options).parse_many


def _asking(url: str) -> ParseMany:
    """A server's answers. Raises MissingPackageError without the extra `client`, DataError for what is no URL."""
    from nlu_kit.client import TOKEN_VARIABLE, Client

    if not url.startswith(("http://", "https://")):
        raise DataError(f"--url {url}: an URL begins with http:// or https://")
    return Client(url, token=os.environ.get(TOKEN_VARIABLE) or None).parse_many


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


def _a_file(source: str | None, as_json: bool) -> str:
    if source is None or source == STDIN:
        raise click.UsageError("--output is for --input FILE: nlu-kit predict --input many.txt --output answers.jsonl")
    if as_json:
        raise click.UsageError("--json is for what is printed; --output is JSON lines anyway")
    return source


def _read(
    source: str, jsonl: bool, reader: str | None, column: str | None, model: Path, registry: Registry
) -> Iterator[list[Utterance]]:
    """What is in a file, a folder or stdin. Raises DataError or PluginError at once where nothing can read it."""
    from nlu_kit.runtime.rows import utterances
    from nlu_kit.runtime.texts import batches, from_stream, plain_line, record_line

    if source == STDIN:
        if sys.stdin is None:
            raise DataError("stdin is closed, so there is nothing to read; name a file with --input")
        return from_stream(cast("Stream", sys.stdin.buffer), "stdin", record_line if jsonl else plain_line)
    rows, _ = _rows(Path(source), jsonl, reader, column, model, registry)
    return batches(utterances(rows()))


def _rows(
    path: Path, jsonl: bool, reader: str | None, column: str | None, model: Path, registry: Registry
) -> tuple[Callable[[], Iterator[Row]], dict[str, Any]]:
    """What reads a file or folder, from its beginning; and how it does, by option, whether that was given or follows
    from the name. Raises DataError or PluginError where nothing can."""
    from nlu_kit.corpus.read import named_reader, recognising_reader
    from nlu_kit.data.lines import JSONL_SUFFIXES, is_jsonl
    from nlu_kit.model.folder import find_model
    from nlu_kit.runtime.rows import TEXT, is_table, kind, rows_by_reader, rows_of

    if not path.exists():
        raise DataError(f"there is no file {path}")
    # Texts are texts: a line of theirs may look like a heading or an annotation of some corpus.
    by_name = jsonl or column is not None or (reader is None and (is_jsonl(path) or kind(path) == ".txt"))
    chosen = None
    if reader is not None:
        chosen = named_reader(reader, registry)
    elif not by_name:
        chosen = recognising_reader(path, find_model(model), registry)
    if chosen is not None:
        spec, params = chosen
        described = {"type": spec.name, **params.model_dump(mode="json")}
        return partial(rows_by_reader, path, chosen), {"jsonl": False, "reader": described, "column": None}
    if path.is_dir():
        raise DataError(f"no installed reader recognises the folder {path}; name a file, or say how with --reader")
    reading = {
        "jsonl": jsonl or kind(path) in JSONL_SUFFIXES,
        "reader": None,
        "column": column or (TEXT if is_table(path) and not jsonl else None),
    }
    return partial(rows_of, path, jsonl=jsonl, column=column), reading
