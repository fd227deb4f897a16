"""Where a broken clause says to read, there is something to read."""

from __future__ import annotations

import contextlib
import re
import sys
from collections.abc import Iterator
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType

import pytest
from nlu_kit_reference import contracts as page_of

from nlu_kit.plugin.hooks import KINDS
from nlu_kit.registry import Registry
from nlu_kit.testing import NotTried, contract_checks, contracts

DOCS = Path(__file__).parents[2] / "docs"


def test_every_clause_of_every_kind_has_its_place_and_its_sentence() -> None:
    page = page_of.page(Registry.of({}))
    assert set(contracts()) == set(KINDS)
    for kind, contract in contracts().items():
        clauses = contract.clauses()
        assert len(clauses) > 5, "those that every kind has, and some of its own"
        for clause in clauses:
            assert clause.kind == kind
            assert page.count(f"({clause.anchor})=\n**{clause.name}.** {clause.says}") == 1
            assert len(clause.says) > 20


MINIMAL = re.search(
    r"^After, with one:\n\n```python\n(.*?)^```", (DOCS / "contract-2.md").read_text("utf-8"), re.MULTILINE | re.DOTALL
)


@pytest.fixture(scope="module")
def minimal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    """The plugin on the page about contract 2, as a module that can be imported."""
    assert MINIMAL is not None
    folder = tmp_path_factory.mktemp("minimal")
    (folder / "acme_mood.py").write_text(MINIMAL[1], encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        patch.setenv("PYTHONPATH", str(folder))  # a clause decodes in a process of its own
        yield import_module("acme_mood")
        del sys.modules["acme_mood"]


def test_the_head_on_the_page_about_contract_2_keeps_the_contract(minimal: ModuleType) -> None:
    assert MINIMAL is not None
    assert len(MINIMAL[1].splitlines()) < 60
    assert [line for line in MINIMAL[1].splitlines() if "import" in line][1:] == []
    bundled = {point.name: point.load() for point in entry_points(group="nlu_kit")}
    registry = Registry.of({**bundled, "mood": minimal})
    tried = []
    for check in contract_checks("head", "mood", registry=registry):
        with contextlib.suppress(NotTried):
            check()
            tried.append(check.clause.name)
    assert {"fit", "targets", "decode-total", "gradients", "calibrates-to-json"} <= set(tried)
