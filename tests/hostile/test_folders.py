"""A model folder may come from anywhere: whatever it holds, it loads or ends in a clean error, and runs no code."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="the memory in use is read from /proc")
def test_hostile_folders(trained: Any) -> None:
    script = Path(__file__).with_name("folders.py")
    done = subprocess.run(
        [sys.executable, str(script), str(trained.model_dir)], capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout.splitlines()[-1])
    print(found)
    assert found["faults"] == []
    assert found["clean errors"] + found["loads"] >= 300
    assert found["clean errors"] > found["loads"]
