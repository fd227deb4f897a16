"""A text with its spans marked. Offsets are Python's: characters (code points), so emoji count one or several each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from markupsafe import Markup

from nlu_kit.report.svg import tag, text


@dataclass(frozen=True, slots=True)
class Marked:
    """``[start, end)`` of the text; ``wrong``: only one side has it."""

    start: int
    end: int
    label: str
    wrong: bool = False


def highlight(content: str, spans: Sequence[Marked]) -> Markup:
    """Each span is underlined, its label behind it. Spans may nest or overlap; whatever lies outside the text
    is cut off. The text keeps its own direction, whatever the page's is."""
    size = len(content)
    inside = [replace(span, start=max(span.start, 0), end=min(span.end, size)) for span in spans]
    inside = [span for span in inside if span.start < span.end]
    cuts = sorted({0, size, *(edge for span in inside for edge in (span.start, span.end))})
    pieces = []
    for start, end in pairwise(cuts):
        covering = [span for span in inside if span.start <= start and end <= span.end]
        piece = text(content[start:end])
        if covering:
            piece = tag("mark", piece, class_="wrong s2" if any(span.wrong for span in covering) else None)
        pieces.append(piece)
        for span in sorted((span for span in inside if span.end == end), key=lambda span: -span.start):
            pieces.append(tag("bdi", text(span.label), class_="label wrong s2" if span.wrong else "label"))
    return Markup(tag("bdi", *pieces, dir="auto", class_="text"))
