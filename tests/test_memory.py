"""What was freed goes back to the system."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from nlu_kit.memory import give_back, resident_peak_mb


def resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


@pytest.mark.skipif(sys.platform != "linux", reason="read from /proc")
def test_freed_memory_is_given_back() -> None:
    before = resident_mb()
    blocks = [bytearray(60_000) for _ in range(3000)]  # 170 MB in blocks that are too small to be mapped alone
    pin = bytearray(60_000)  # lies behind them, so that the heap can't shrink
    held = resident_mb()
    blocks.clear()
    give_back()
    assert held - before > 150
    assert resident_mb() - before < 30
    assert len(pin) == 60_000
    assert resident_peak_mb() >= held - 1
