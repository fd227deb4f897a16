"""The elements of a chart. Children are markup, a user's text goes in by ``text``, which escapes it."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from markupsafe import Markup

from nlu_kit.data.printable import printable


def tag(name: str, /, *children: str, **attributes: str | float | None) -> str:
    """``tag("text", text("a & b"), x=3, class_="tick")``: ``_`` in a name is ``-``, a trailing one is dropped, and an
    attribute that is None is left out."""
    given = {_name(key): printable(_value(value)) for key, value in attributes.items() if value is not None}
    written = "".join(f' {key}="{escape(value, quote=True)}"' for key, value in given.items())
    return f"<{name}{written}>{''.join(children)}</{name}>"


def text(value: object) -> str:
    """``value`` as text of an element."""
    return escape(printable(str(value)), quote=False)


def chart(*children: str, width: float, height: float, label: str, fixed: bool = False) -> Markup:
    """An ``<svg>`` that scales with its place; ``label`` tells those who can't see it what it shows.

    ``fixed``: it keeps its size, for drawings that would be too small to read on a phone; put it into ``scroll``.
    """
    box = f"0 0 {_value(width)} {_value(height)}"
    style = f"width:{_value(width)}px" if fixed else None
    return Markup(tag("svg", *children, viewBox=box, role="img", aria_label=label, style=style))


def path(points: Sequence[tuple[float, float]], *, close: bool = False) -> str:
    """The ``d`` of a line through the points."""
    return "M" + "L".join(f"{_value(x)} {_value(y)}" for x, y in points) + ("Z" if close else "")


def _name(key: str) -> str:
    return key.rstrip("_").replace("_", "-") if key != "viewBox" else key


def _value(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:.2f}".rstrip("0").rstrip(".")
