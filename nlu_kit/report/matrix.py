"""Who is taken for whom: a heat map that stays readable, whatever the number of labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from nlu_kit.report.svg import chart, tag, text

MOST = 24  # labels in the drawing
OTHERS = "all others"
CELL, WIDE_CELL, CHARACTER = 24, 34, 7
_LONGEST = 26  # characters of a label
_DARK = 0.55  # share from which a cell is so dark that its number is written light


@dataclass(frozen=True, slots=True)
class Confused:
    """``gold`` was taken for ``predicted`` ``count`` times, a ``share`` of its own."""

    gold: str
    predicted: str
    count: int
    share: float


def most_confused(labels: Sequence[str], counts: Sequence[Sequence[int]], *, most: int) -> list[Confused]:
    """The pairs that are confused most often."""
    pairs = [
        Confused(gold, predicted, count, count / sum(row))
        for gold, row in zip(labels, counts, strict=True)
        for predicted, count in zip(labels, row, strict=True)
        if count and gold != predicted
    ]
    return sorted(pairs, key=lambda pair: (-pair.count, -pair.share))[:most]


def reduce(
    labels: Sequence[str], counts: Sequence[Sequence[int]], *, most: int = MOST
) -> tuple[list[str], list[list[int]]]:
    """At most ``most`` labels: those that take part in most confusions, in their order; the rest as one."""
    if len(labels) <= most:
        return list(labels), [list(row) for row in counts]
    everything = range(len(labels))
    wrong = [sum(counts[i][j] + counts[j][i] for j in everything if j != i) for i in everything]
    chosen = set(sorted(everything, key=lambda i: -wrong[i])[: most - 1])
    kept = sorted(chosen)
    rest = [i for i in everything if i not in chosen]
    groups = [*([i] for i in kept), rest]
    reduced = [[sum(counts[i][j] for i in rows for j in columns) for columns in groups] for rows in groups]
    return [*(labels[i] for i in kept), OTHERS], reduced


def confusion_matrix(labels: Sequence[str], counts: Sequence[Sequence[int]], *, name: str) -> Markup:
    """A row per annotated label, a column per predicted one; the darker, the larger the share of its row.

    The last of reduced labels, ``all others``, mixes right and wrong in its own cell, which is left grey.
    """
    cell = WIDE_CELL if max((max(row) for row in counts), default=0) > 999 else CELL
    short = [label if len(label) <= _LONGEST else f"{label[: _LONGEST - 1]}…" for label in labels]
    left = CHARACTER * max(map(len, short)) + 28
    top = round(CHARACTER * max(map(len, short)) * 0.75) + 24
    parts = [
        tag("text", "annotated", x=0, y=top - 6, class_="tick"),
        tag("text", "predicted →", x=left, y=12, class_="tick"),
    ]
    for position, (label, shown) in enumerate(zip(labels, short, strict=True)):
        middle = cell * (position + 0.5) + 4
        told = tag("title", text(label))
        parts.append(tag("text", told, text(shown), x=left - 6, y=top + middle, class_="end"))
        at = f"translate({left + middle:.0f} {top - 6}) rotate(-48)"
        parts.append(tag("text", told, text(shown), transform=at))
    for i, row in enumerate(counts):
        total = max(sum(row), 1)
        for j, count in enumerate(row):
            parts.append(_cell(labels[i], labels[j], count, count / total, left + cell * j, top + cell * i, cell))
    width = left + cell * len(labels) + top
    return chart(*parts, width=width, height=top + cell * len(labels) + 2, label=f"Confusions of {name}", fixed=True)


def _cell(gold: str, predicted: str, count: int, share: float, x: float, y: float, size: int) -> str:
    mixed = gold == predicted == OTHERS
    series = "s8" if mixed else "s1" if gold == predicted else "s2"
    strength = max(share, 0.15) if count else 0.0
    box = tag(
        "rect", x=x, y=y, width=size - 2, height=size - 2, class_="cell", fill_opacity=strength if count else 0.05
    )
    if not count:
        return tag("g", box, class_="s8")
    told = tag("title", text(f"{gold} → {predicted}: {count:,} ({100 * share:.0f} %)"))
    shade = "middle on-dark" if strength > _DARK else "middle on-light"
    number = tag("text", text(count), x=x + size / 2 - 1, y=y + size / 2 + 3, class_=shade)
    return tag("g", told, box, number, class_=series)
