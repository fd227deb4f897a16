"""The head keeps the contract, on the usual scale and on another one."""

from __future__ import annotations

import pytest

import nlu_kit_sentiment
from nlu_kit.registry import Registry
from nlu_kit.testing import Check, contract_checks

REGISTRY = Registry.of({"sentiment": nlu_kit_sentiment})
CHECKS = contract_checks("head", "sentiment", registry=REGISTRY)
OTHER = contract_checks(
    "head",
    "sentiment",
    params={"field": "mood", "lowest": -1, "highest": 1, "dropout": 0.0},
    registry=REGISTRY,
)


@pytest.mark.parametrize("check", CHECKS, ids=str)
def test_contract(check: Check) -> None:
    check()


@pytest.mark.parametrize("check", OTHER, ids=str)
def test_contract_on_another_scale(check: Check) -> None:
    check()
