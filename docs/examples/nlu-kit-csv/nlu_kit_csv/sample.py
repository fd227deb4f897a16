"""A small table: what the contract checks read."""

from __future__ import annotations

from pathlib import Path

_TABLE = """\
text,intent,entities,stars
book a table in Paris,book,16-21:city,
"play jazz, and not too loud",play,5-9:genre,4
wake me up,wake,-,
"two
lines",,,5
"""


def write_sample(folder: Path) -> Path:
    """Writes it into ``folder``, and says where."""
    file = folder / "sample.csv"
    file.write_text(_TABLE, encoding="utf-8", newline="")
    return file
