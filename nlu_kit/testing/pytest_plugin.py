"""What pytest gets from nlu-kit: the fixture ``check_contract``. Every start of pytest imports this file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture(scope="session")
def check_contract() -> Callable[..., None]:
    """Try a component against its contract; it fails with every clause that is broken.

        def test_contract(check_contract):
            check_contract("head", "my_sentiment", params={"hidden": 16})

    For a test of its own for each clause, see ``nlu_kit.testing.contract_checks``; both take the same arguments.
    """
    from nlu_kit.testing import check_contract

    return check_contract
