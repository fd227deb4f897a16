"""What ``import nlu_kit`` offers, and what it costs."""

from __future__ import annotations

import subprocess
import sys

import pytest

import nlu_kit


def test_all_that_it_names_is_there() -> None:
    assert set(nlu_kit.__all__) <= set(dir(nlu_kit))
    for name in nlu_kit.__all__:
        assert getattr(nlu_kit, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'tarin'"):
        _ = nlu_kit.tarin


def test_functions_are_not_hidden_by_packages_of_their_name() -> None:
    """A submodule that is imported becomes an attribute of its package."""
    for name in ("train", "pretrain", "load", "evaluate", "compare"):
        assert callable(getattr(nlu_kit, name))
        assert f"nlu_kit.{name}" not in sys.modules


def test_errors_and_predictions_cost_nothing_heavy() -> None:
    script = (
        "import sys, nlu_kit\n"
        "nlu_kit.Prediction, nlu_kit.ConfigError\n"
        "assert not {'torch', 'numpy', 'transformers', 'pydantic'} & set(sys.modules), sorted(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
