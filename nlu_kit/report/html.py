"""A page in one file: markup, its style, and nothing from anywhere else."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

from nlu_kit.report.svg import tag, text

_POLICY = "default-src 'none'; style-src 'unsafe-inline'"  # the browser itself refuses whatever would be fetched
# For light pages, and for dark ones.
_COLOURS = [
    ("#0b62c4", "#6db3ff"),
    ("#c2410c", "#ff9d5c"),
    ("#0f7b4f", "#4ad295"),
    ("#a21caf", "#e58bf0"),
    ("#856404", "#e0c14a"),
    ("#0e7490", "#5fd3e6"),
    ("#be123c", "#ff8296"),
    ("#4b5563", "#b6bfca"),
]
_DASHES = ["none", "6 3", "2 3", "8 3 2 3"]


def page(*sections: str, title: str, series: int, script: str = "") -> str:
    """The whole document. ``series``: how many colours it needs (``s1``, ``s2``, … in the charts). ``script`` runs at
    the end; the browser is told its hash, and so runs nothing else."""
    style = Path(__file__).with_name("style.css").read_text(encoding="utf-8") + _series_style(series)
    head = "".join(
        [
            tag("meta", charset="utf-8"),
            tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
            tag("meta", name="color-scheme", content="light dark"),
            tag("meta", http_equiv="Content-Security-Policy", content=_policy(script)),
            tag("title", text(title)),
            f"<style>\n{style}</style>",
        ]
    )
    body = "\n".join(sections) + (f"\n<script>{script}</script>" if script else "")
    return f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body><main>\n{body}\n</main></body></html>\n'


def _policy(script: str) -> str:
    if not script:
        return _POLICY
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return f"{_POLICY}; script-src 'sha256-{digest}'"


def section(heading: str, *children: str, note: str = "") -> str:
    """A titled part; ``note`` is a paragraph of text below the title."""
    first = tag("p", text(note), class_="note") if note else ""
    return tag("section", tag("h2", text(heading)), first, *children)


def figure(caption: str, drawing: str, *, class_: str = "") -> str:
    return tag("figure", tag("figcaption", text(caption)) if caption else "", drawing, class_=class_ or None)


def scroll(drawing: str) -> str:
    """A place for what is wider than a phone: it scrolls by itself, the page does not."""
    return tag("div", drawing, class_="scroll", tabindex=0)


def details(summary: str, *children: str, opened: bool = False) -> str:
    """Shown when it is clicked on."""
    return tag("details", tag("summary", text(summary)), *children, open="" if opened else None)


def table(columns: list[str], rows: list[list[str]], *, class_: str = "") -> str:
    """Cells are markup; on narrow screens each row becomes a card, whose lines are named by ``columns`` (text), but
    with the class ``dense``, for a few short columns."""
    head = tag("tr", *(tag("th", text(column), scope="col") for column in columns))
    body = [
        tag("tr", *(tag("td", cell, data_label=column) for column, cell in zip(columns, row, strict=True)))
        for row in rows
    ]
    return tag("table", tag("thead", head), tag("tbody", *body), class_=class_ or None)


def chip(number: int, label: str) -> str:
    """A series' number in its colour, and its name."""
    return tag("span", tag("b", text(number), class_=f"s{number} chip"), tag("span", text(label)), class_="series")


def _series_style(count: int) -> str:
    """A colour for each series; from the ninth on colours come again, with other dashes."""
    light, dark = [], []
    for number in range(1, count + 1):
        colours = _COLOURS[(number - 1) % len(_COLOURS)]
        dash = _DASHES[(number - 1) // len(_COLOURS) % len(_DASHES)]
        light.append(f".s{number}{{--c:{colours[0]};--dash:{dash}}}\n")
        dark.append(f".s{number}{{--c:{colours[1]}}}\n")
    return "".join(light) + "@media (prefers-color-scheme:dark){\n" + "".join(dark) + "}\n"
