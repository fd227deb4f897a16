"""The contract checks: what plugin authors run, and what our own suite runs on every bundled component.

    from nlu_kit.testing import contract_checks

    @pytest.mark.parametrize("check", contract_checks("head", "my_sentiment"), ids=str)
    def test_contract(check):
        check()

They are plain functions and need no pytest; `nlu-kit plugins check` runs the same. With pytest there is also the
fixture ``check_contract``.
"""

from __future__ import annotations

from nlu_kit.testing.clauses import Check, Clause, Contract, ContractViolation, NotTried
from nlu_kit.testing.run import check_contract, contract_checks, contracts

__all__ = [
    "Check",
    "Clause",
    "Contract",
    "ContractViolation",
    "NotTried",
    "check_contract",
    "contract_checks",
    "contracts",
]
