"""A table in plain text, for the terminal."""

from __future__ import annotations

from collections.abc import Sequence


def columns(names: Sequence[str] | None, rows: Sequence[Sequence[str]]) -> list[str]:
    """Aligned: the first column to the left, the others to the right."""
    everything = [*([] if names is None else [names]), *rows]
    widths = [max(len(cell) for cell in column) for column in zip(*everything, strict=True)]
    return [
        "  ".join(cell.rjust(w) if i else cell.ljust(w) for i, (cell, w) in enumerate(zip(row, widths, strict=True)))
        for row in everything
    ]
