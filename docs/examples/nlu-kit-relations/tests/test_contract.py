"""The head keeps the contract, with the usual parameters and with others."""

from __future__ import annotations

import pytest

import nlu_kit_relations
from nlu_kit.registry import Registry
from nlu_kit.testing import Check, contract_checks

REGISTRY = Registry.of({"relations": nlu_kit_relations})
CHECKS = contract_checks("head", "relations", registry=REGISTRY)
OTHER = contract_checks(
    "head",
    "relations",
    params={"entities": "places", "field": "links", "hidden": 16, "dropout": 0.0},
    registry=REGISTRY,
)


@pytest.mark.parametrize("check", CHECKS, ids=str)
def test_contract(check: Check) -> None:
    check()


@pytest.mark.parametrize("check", OTHER, ids=str)
def test_contract_with_other_parameters(check: Check) -> None:
    check()
