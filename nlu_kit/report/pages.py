"""A page in one file: markup, its style, and nothing from anywhere else. The templates are beside this module."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from nlu_kit.data.printable import printable
from nlu_kit.report.numbers import percent

TEMPLATES = Path(__file__).parent / "templates"
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


def environment() -> Environment:
    """Whatever a user wrote is escaped, and its control characters are made visible; a name that a template misspells
    is an error."""
    found = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: value if isinstance(value, Markup) else printable(str(value)),
    )
    found.filters |= {"percent": percent, "count": lambda number: f"{number:,}"}
    return found


def page(template: str, *, title: str, series: int, script: str = "", **values: Any) -> str:
    """The whole document. ``series``: how many colours it needs (``s1``, ``s2``, … in the charts). ``script`` names a
    file beside the templates, which runs at the end; the browser is told its hash, and so runs nothing else."""
    code = (TEMPLATES / script).read_text(encoding="utf-8") if script else ""
    style = (TEMPLATES / "style.css").read_text(encoding="utf-8") + _series_style(series)
    return (
        environment()
        .get_template(template)
        .render(title=title, policy=_policy(code), style=Markup(style), script=Markup(code), **values)
    )


def _policy(code: str) -> Markup:
    if not code:
        return Markup(_POLICY)
    digest = base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
    return Markup(f"{_POLICY}; script-src 'sha256-{digest}'")


def _series_style(count: int) -> str:
    """A colour for each series; from the ninth on colours come again, with other dashes."""
    light, dark = [], []
    for number in range(1, count + 1):
        colours = _COLOURS[(number - 1) % len(_COLOURS)]
        dash = _DASHES[(number - 1) // len(_COLOURS) % len(_DASHES)]
        light.append(f".s{number}{{--c:{colours[0]};--dash:{dash}}}\n")
        dark.append(f".s{number}{{--c:{colours[1]}}}\n")
    return "".join(light) + "@media (prefers-color-scheme:dark){\n" + "".join(dark) + "}\n"
