"""The reader keeps the contract."""

from __future__ import annotations

import pytest

import nlu_kit_csv
from nlu_kit.registry import Registry
from nlu_kit.testing import Check, contract_checks


@pytest.mark.parametrize("check", contract_checks("reader", "csv", registry=Registry.of({"csv": nlu_kit_csv})), ids=str)
def test_contract(check: Check) -> None:
    check()
