"""The files around the code agree with each other."""

from __future__ import annotations

import os
import re
from importlib.metadata import requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]


def constraints() -> dict[str, Requirement]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    found = [Requirement(line) for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(requirement.name): requirement for requirement in found}


@pytest.mark.parametrize("line", requires("nlu-kit") or [])
def test_every_dependency_is_constrained_to_a_version_it_allows(line: str) -> None:
    wanted = Requirement(line)
    if wanted.name == "nlu-kit":
        return
    pinned = constraints()[canonicalize_name(wanted.name)]
    (pin,) = pinned.specifier
    assert pin.operator == "=="
    assert pin.version in wanted.specifier


def test_constraints_are_plain_and_torch_is_the_tested_one() -> None:
    found = constraints()
    assert str(found["torch"].specifier) == "==2.13.0"
    for requirement in found.values():
        assert requirement.url is None
        assert not requirement.extras
        assert all("+" not in pin.version for pin in requirement.specifier)


def test_ci_runs_what_the_readme_says() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    text = script.read_text(encoding="utf-8")
    assert text.startswith("#!/usr/bin/env bash\n")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for tool in ('-c constraints.txt -e ".[dev]"', "ruff", "mypy", "sphinx -W", "pytest"):
        assert tool in text
        assert tool in makefile


def test_the_readmes_two_commands_are_make_targets() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    commands = re.findall(r"^```sh\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL)
    assert commands[:2] == ["make quickstart\n", "make test\n"]


def test_no_page_links_a_package_index() -> None:
    """A project's own page says more, and stays where an index moves or is a mirror. An index is told by its paths."""
    link = re.compile(r"https?://[^\s/]+/(project|simple|packages|conda-forge)/[\w.-]+")
    assert all(link.search(f"(https://index.example/{path}/nlu-kit/)") for path in ("project", "simple", "conda-forge"))
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "docs" / "examples").glob("*/*.md")]
    assert len(pages) > 15
    assert [page.name for page in pages if link.search(page.read_text(encoding="utf-8"))] == []


def test_the_licence_is_the_whole_text() -> None:
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License" in text
    assert "Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text
    assert len(text) > 11_000
