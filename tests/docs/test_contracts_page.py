"""Where a broken clause says to read, there is something to read."""

from __future__ import annotations

from nlu_kit_reference import contracts as page_of

from nlu_kit.plugin.hooks import KINDS
from nlu_kit.registry import Registry
from nlu_kit.testing import contracts


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
