"""``nlu-kit stats``."""

from __future__ import annotations

import json
from pathlib import Path

import click

from nlu_kit.registry import Registry


@click.command("stats", short_help="Count the utterances, intents and entities of corpora.")
@click.argument("data", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--reader", metavar="NAME",
    help='The format of DATA, or {"type": …} with parameters; when absent, the installed readers are asked.',
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, with a key for each corpus.")
def command(data: tuple[Path, ...], reader: str | None, as_json: bool) -> None:
    """Count what each corpus in DATA holds: utterances, intents, entities and further fields.

    \b
    Examples:
      nlu-kit stats data/train.jsonl data/dev.jsonl
      nlu-kit stats reviews.csv --reader '{"type": "csv", "text": "review"}'
    """
    # Imported late, for `nlu-kit --help` imports this module.
    from nlu_kit_csv.choice import read
    from nlu_kit_csv.counts import count

    registry = Registry.load()
    found = {str(path): count(read(path, reader, registry)) for path in data}
    if as_json:
        click.echo(json.dumps({name: counts.to_json() for name, counts in found.items()}, ensure_ascii=False, indent=2))
        return
    for name, counts in found.items():
        click.echo(click.style(name, bold=True))
        for line in counts.lines():
            click.echo(f"  {line}")
