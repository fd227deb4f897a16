"""The few pieces of Markdown that the reference pages are made of."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Sequence


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A pipe table; line breaks and pipes in cells are made safe."""
    lines = [header, ["---"] * len(header), *([_cell(text) for text in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def code(text: str, language: str = "python") -> str:
    """A fenced block."""
    return f"```{language}\n{text.rstrip()}\n```"


def inline(text: str) -> str:
    """A code span."""
    return f"`{text}`"


def prose(docstring: str | None) -> str:
    """A docstring as a paragraph."""
    return inspect.cleandoc(docstring) if docstring else ""


def join(blocks: Iterable[str]) -> str:
    """Blocks with an empty line between them."""
    return "\n\n".join(block for block in blocks if block) + "\n"
