"""Run the command line as a user does: another process, another folder."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def nlu_kit(tmp_path: Path, run_cli: Run) -> Run:
    """``nlu_kit("config", "check")``: the finished process; it ran in ``tmp_path``."""
    return partial(run_cli, tmp_path)
