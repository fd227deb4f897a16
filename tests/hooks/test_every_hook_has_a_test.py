"""A hook that is added without a test of its own fails here."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from nlu_kit.plugin.hooks import KINDS, NluKitSpecs

HERE = Path(__file__).parent
HOOKS = [name for name, _ in inspect.getmembers(NluKitSpecs, inspect.isfunction) if not name.startswith("_")]


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_has_a_test_that_implements_it(hook: str) -> None:
    file = HERE / f"test_{hook}.py"
    assert file.is_file(), f"write {file.name}"
    assert f"    @hookimpl\n    def {hook}(" in file.read_text(encoding="utf-8")


def test_every_test_is_of_a_hook() -> None:
    expected = {*(f"test_{hook}.py" for hook in HOOKS), Path(__file__).name}
    assert {file.name for file in HERE.glob("test_*.py")} == expected


def test_the_table_of_kinds_has_every_hook_that_gives_specs() -> None:
    assert {hook for hook, _ in KINDS.values()} == set(HOOKS) - {"nlu_kit_commands"}


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_says_how_it_is_used(hook: str) -> None:
    documentation = inspect.getdoc(getattr(NluKitSpecs, hook)) or ""
    assert "``" in documentation, "the docstring shows an example"
