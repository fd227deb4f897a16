"""What a clause says when it is broken, and what another process can try."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

from nlu_kit.params import Params
from nlu_kit.testing import Contract, ContractViolation, NotTried, contract_checks
from nlu_kit.testing.clauses import clause
from nlu_kit.testing.isolated import place, run_isolated


class TeaContract(Contract):
    kind, component = "tea", "earl_grey"

    def __init__(self, heat: float, leaves: list[str] | None = None) -> None:
        self.heat, self.leaves = heat, leaves or []

    def require_hot(self) -> None:
        self.require(self.heat > 90, f"it has {self.heat} degrees")

    @clause
    def hot(self) -> None:
        """It is hot,
        always."""
        self.require_hot()

    @clause
    def of_leaves(self) -> None:
        """It is made of leaves."""
        if not self.leaves:
            raise NotTried("nobody says what it is made of")
        [self.require(leaf != "dust", f"{leaf} among them") for leaf in self.leaves]

    @clause
    def cools(self) -> None:
        """It cools."""
        1 / (self.heat - 100)


def check(contract: Contract, name: str) -> Callable[[], None]:
    return next(check for check in contract.checks() if check.clause.name == name)


def test_clauses_are_marked_methods_in_the_order_of_writing() -> None:
    names = [(c.name, c.says) for c in TeaContract.clauses()]
    assert names == [("hot", "It is hot, always."), ("of-leaves", "It is made of leaves."), ("cools", "It cools.")]


def test_a_violation_names_clause_finding_and_page() -> None:
    with pytest.raises(ContractViolation) as error:
        check(TeaContract(50), "hot")()
    assert str(error.value) == (
        "the tea 'earl_grey' breaks the contract.\n"
        "  clause hot: It is hot, always.\n"
        "  found: it has 50 degrees\n"
        "  read: docs/reference/contracts.md#contract-tea-hot"
    )
    check(TeaContract(95), "hot")()


def test_also_from_within_a_comprehension() -> None:
    with pytest.raises(ContractViolation, match=r"clause of-leaves: .*\n  found: dust among them"):
        check(TeaContract(95, ["bergamot", "dust"]), "of-leaves")()


def test_what_a_component_raises_is_a_violation_and_what_is_not_tried_is_none() -> None:
    with pytest.raises(ContractViolation, match=r"found: it raised ZeroDivisionError: .*division"):
        check(TeaContract(100), "cools")()
    with pytest.raises(NotTried, match="nobody says"):
        check(TeaContract(95), "of-leaves")()


def tried(kind: str, name: str, params: dict[str, Any]) -> dict[str, str]:
    """Why each clause that was not tried was not; any that is broken raises."""
    left = {}
    for check in contract_checks(kind, name, params=params):
        try:
            check()
        except NotTried as reason:
            left[check.clause.name] = str(reason)
    return left


def test_a_component_may_refuse_pipelines_that_were_made_up_for_it() -> None:
    # an encoder of one block has not two layers to fix, those of more blocks have
    left = tried("freezing", "freeze_lower", {"layers": 2})
    assert set(left) == {"no-layers"}
    assert left["no-layers"].startswith("its parameters don't suit what it is tried with: 1 problem")
    # labels that only the intent head has, none of the made-up targets
    assert tried("loss", "weighted_cross_entropy", {"weights": {"book_table": 2.0}}) == {}
    left = tried("loss", "weighted_cross_entropy", {"weights": {"nothing": 2.0}})
    assert "no label 'nothing'" in left["adds-up"]
    left = tried("balancing", "weighted", {"weights": {"mood": 2.0}})
    assert "no head 'mood'" in left["pieces"]


def test_a_place_is_where_another_process_finds_it() -> None:
    assert place(Params) == "nlu_kit.params:Params"
    for lost in (lambda: None, partial(check), type("Local", (), {"__module__": "__main__"})):
        with pytest.raises(NotTried, match="at the top level of a module"):
            place(lost)


def test_a_process_of_its_own_has_params_and_arrays_and_tells_what_it_imported() -> None:
    task = {"params": place(Params), "section": {}, "wanted": 3}
    script = "import numpy\nassert numpy.load(sys.argv[2])['a'].sum() == task['wanted']\nassert params is not None\n"
    fine = run_isolated(script, task, {"a": np.ones(3)})
    assert (fine.error, fine.imported) == ("", "")
    assert "AssertionError" in run_isolated(script, {**task, "wanted": 4}, {"a": np.ones(3)}).error
    assert run_isolated("sys.modules['accelerate'] = sys", task).imported == "accelerate"
