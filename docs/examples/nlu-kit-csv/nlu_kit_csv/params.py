"""Parameters of the `csv` reader."""

from __future__ import annotations

from pydantic import Field

from nlu_kit.plugin import Params


class CsvParams(Params):
    """Parameters of `csv`: which column holds what."""

    text: str = Field(default="text", min_length=1, description="The column with the utterances.")
    intent: str | None = Field(
        default=None, description="The column with the intents; when absent, 'intent' in files that have it."
    )
    entities: str | None = Field(
        default=None,
        description="The column with the entities, written 16-21:city 25-31:date (characters from 0, the end is "
        "exclusive) or - where there are none; when absent, 'entities' in files that have it.",
    )
    delimiter: str | None = Field(
        default=None,
        min_length=1,
        max_length=1,
        description="What stands between columns; when absent, a tab in .tsv files and a comma in others.",
    )
