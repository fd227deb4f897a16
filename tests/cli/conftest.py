"""Run the command line as a user does: another process, another folder."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def nlu_kit(tmp_path: Path) -> Run:
    """``nlu_kit("config", "check")``: the finished process; it ran in ``tmp_path``."""

    def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("NLU_KIT_")}
        return subprocess.run(
            [sys.executable, "-m", "nlu_kit", *arguments],
            cwd=tmp_path,
            env={**environment, "PYTHONUTF8": "1", **variables},
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=120,
            check=False,
        )

    return run
