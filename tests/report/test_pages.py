"""Pages: self-contained, and no user's text becomes markup or runs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from jinja2 import Environment, UndefinedError
from markupsafe import Markup

from nlu_kit.report import pages
from nlu_kit.report.pages import environment, page

EVIL = '<script>alert("&")</script>'


def parts() -> Any:
    return environment().get_template("parts.html").module


def rendered(source: str, **values: Any) -> str:
    return environment().from_string('{% import "parts.html" as parts %}' + source).render(values)


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Templates of which one shows what it is given."""
    for file in pages.TEMPLATES.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "empty.html").write_text('{% extends "page.html" %}', encoding="utf-8")
    (tmp_path / "alert.js").write_text("alert(1)", encoding="utf-8")
    monkeypatch.setattr(pages, "TEMPLATES", tmp_path)
    return tmp_path


def test_text_does_not_become_markup(empty: Path) -> None:
    made = [
        parts().table([EVIL], [[EVIL]], EVIL),
        parts().chip(1, EVIL),
        parts().figure(EVIL, Markup("<svg/>")),
        parts().warnings([EVIL]),
        rendered("{% call parts.section(evil, evil) %}{{ evil }}{% endcall %}", evil=EVIL),
        rendered("{% call parts.details(evil) %}{{ evil }}{% endcall %}", evil=EVIL),
        page("empty.html", title=EVIL, series=1),
    ]
    for markup in made:
        assert "<script" not in markup
        assert "&lt;script&gt;" in markup


def test_parts_of_a_page() -> None:
    assert ElementTree.fromstring(rendered("{% call parts.scroll() %}x{% endcall %}")).get("class") == "scroll"
    assert not list(ElementTree.fromstring(parts().figure("", Markup("<svg/>"))).iter("figcaption"))
    table = ElementTree.fromstring(parts().table(["a", "b"], [["1", 2]], "dense"))
    assert table.get("class") == "dense"
    assert [(cell.get("data-label"), cell.text) for cell in table.iter("td")] == [("a", "1"), ("b", "2")]


def test_control_characters_are_made_visible() -> None:
    assert rendered("{{ text }}", text="a\x1b[1m") == "a␛[1m"


def test_a_name_that_a_template_misspells_is_an_error() -> None:
    with pytest.raises(UndefinedError, match="tilte"):
        rendered("{{ tilte }}")


def test_every_template_compiles() -> None:
    found: Environment = environment()
    names = [name for name in found.list_templates() if name.endswith(".html")]
    assert {"page.html", "parts.html", "evaluation.html", "diff.html", "comparison.html"} <= set(names)
    for name in names:
        found.get_template(name)


def test_a_script_runs_by_its_hash_alone(empty: Path) -> None:
    # echo -n 'alert(1)' | openssl dgst -sha256 -binary | base64
    policy = "script-src 'sha256-bhHHL3z2vDgxUt0W3dWQOrprscmda2Y5pLsLg4GF+pI='"
    assert policy in page("empty.html", title="x", series=1, script="alert.js")
    assert "script-src" not in page("empty.html", title="x", series=1)


def test_every_series_has_a_colour_and_the_ninth_another_dash(empty: Path) -> None:
    style = page("empty.html", title="x", series=9)
    light, _, dark = style.rpartition("@media (prefers-color-scheme:dark)")
    assert all(f".s{number}{{--c:" in part for number in range(1, 10) for part in (light, dark))
    dashes = dict(re.findall(r"\.s(\d)\{--c:#\w+;--dash:([^}]+)\}", light))
    assert dashes["1"] == "none"
    assert dashes["9"] != "none"


def test_no_text_is_smaller_than_twelve_pixels(empty: Path) -> None:
    style = page("empty.html", title="x", series=1)
    sizes = [float(size) for size in re.findall(r"font:([\d.]+)px", style)]
    sizes += [16 * float(size) for size in re.findall(r"font-size:([\d.]+)rem", style)]
    assert len(sizes) > 5
    assert min(sizes) >= 12
