"""For nlu-kit: a reader `csv`, and a command `nlu-kit stats`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from nlu_kit.plugin import ReaderSpec, hookimpl
from nlu_kit_csv.params import CsvParams
from nlu_kit_csv.reader import is_csv, read_csv
from nlu_kit_csv.sample import write_sample

if TYPE_CHECKING:
    import click

NLU_KIT_CONTRACT = 2


@hookimpl
def nlu_kit_readers() -> Iterable[ReaderSpec[Any]]:
    return [
        ReaderSpec(
            name="csv",
            summary="A table with a header (.csv, .tsv): text, intent, entities as 16-21:city, and further columns.",
            params=CsvParams,
            read=read_csv,
            detect=is_csv,
            sample=write_sample,
        )
    ]


@hookimpl
def nlu_kit_commands(cli: click.Group) -> None:
    from nlu_kit_csv.command import command

    cli.add_command(command)
