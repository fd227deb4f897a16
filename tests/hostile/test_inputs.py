"""A data file or a configuration may come from anywhere: it is used, or refused by name, soon and in little memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.skipif(not hasattr(os, "fork"), reason="each is given to a child")
@pytest.mark.parametrize("every", [5, pytest.param(1, marks=pytest.mark.slow)])
def test_hostile_inputs(every: int, exported: Path) -> None:
    script = Path(__file__).with_name("inputs.py")
    command = [sys.executable, str(script), str(exported), "--every", str(every)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout.splitlines()[-1])
    print({key: value for key, value in found.items() if key != "faults"})
    assert found["faults"] == []
    assert found["refused"] >= 500 / every
    assert found["taken"] >= 50 / every
    assert found["slowest_s"] < 5
