"""Every bundled component keeps its contract."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nlu_kit.registry import Registry
from nlu_kit.testing import Check, NotTried, contract_checks, contracts

REGISTRY = Registry.load()
CHECKS = [
    check
    for kind in contracts()
    for provided in REGISTRY.all(kind)
    if provided.spec.name not in ("transformer", "new_bert")
    for check in contract_checks(kind, provided.spec.name, registry=REGISTRY)
]


@pytest.mark.parametrize("check", CHECKS, ids=str)
def test_a_bundled_component_keeps_its_contract(check: Check) -> None:
    check()  # NotTried would fail it, too: ours leave nothing out


def test_so_does_the_backbone_that_needs_a_model(tiny_bert: Path) -> None:
    for check in contract_checks("backbone", "transformer", params={"model": str(tiny_bert)}, registry=REGISTRY):
        check()


def test_so_does_the_backbone_that_needs_texts(tmp_path: Path) -> None:
    (tmp_path / "texts.txt").write_text("book a table in Paris\nplay some jazz\n" * 20, encoding="utf-8")
    params = {"texts": [str(tmp_path / "texts.txt")], "vocabulary": 200, "layers": 2, "width": 16, "attention_heads": 2}
    for check in contract_checks("backbone", "new_bert", params=params, registry=REGISTRY):
        check()


def test_what_needs_parameters_says_so() -> None:
    tried, left = [], {}
    for check in contract_checks("backbone", "transformer", registry=REGISTRY):
        try:
            check()
            tried.append(check.clause.name)
        except NotTried as reason:
            left[check.clause.name] = str(reason)
    without = ["described", "params-are-closed", "light-to-load", "contract-stated", "functions-keep-their-names"]
    assert tried == without
    assert set(left.values()) == {
        "model must be given: set `trial` in the spec, or pass params (on the command line --params)"
    }


def test_a_model_that_is_not_there_is_no_fault_of_the_backbone(tmp_path: Path) -> None:
    params: dict[str, Any] = {"model": str(tmp_path / "missing")}
    check = next(c for c in contract_checks("backbone", "transformer", params=params) if c.clause.name == "vectors")
    with pytest.raises(NotTried, match="there is no model folder"):
        check()


def test_every_kind_that_plugins_provide_has_a_contract() -> None:
    from nlu_kit.plugin.hooks import KINDS

    assert set(contracts()) == set(KINDS)


def test_every_clause_is_a_sentence_with_a_name_of_its_own() -> None:
    for kind, contract in contracts().items():
        clauses = contract.clauses()
        assert len({clause.name for clause in clauses}) == len(clauses)
        for clause in clauses:
            assert clause.kind == kind
            assert clause.says.endswith("."), clause
            assert clause.anchor == f"contract-{kind}-{clause.name}"
