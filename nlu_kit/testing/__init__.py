"""The contract checks: what plugin authors run, and what our own suite runs on every bundled component.

    from nlu_kit.testing import contract_checks

    @pytest.mark.parametrize("check", contract_checks("head", "my_sentiment"), ids=str)
    def test_contract(check):
        check()

They are plain functions and need no pytest; `nlu-kit plugins check` runs the same. With pytest there is also the
fixture ``check_contract``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nlu_kit.testing.clauses import Check, Clause, Contract, ContractViolation, NotTried

if TYPE_CHECKING:
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


def __getattr__(name: str) -> Any:
    """The functions, imported when first asked for: every start of pytest imports this package, for the fixture."""
    if name in __all__:
        from nlu_kit.testing import run

        return getattr(run, name)
    raise AttributeError(name)
