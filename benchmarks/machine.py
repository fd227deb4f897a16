"""What a benchmark ran on."""

from __future__ import annotations

import platform
from pathlib import Path

from nlu_kit.runtime.machine import cores


def machine() -> str:
    """Processor and number of cores, as far as the system tells."""
    cpuinfo = Path("/proc/cpuinfo")
    names = (
        [line for line in cpuinfo.read_text().splitlines() if line.startswith("model name")] if cpuinfo.exists() else []
    )
    name = names[0].partition(":")[2].strip() if names else platform.processor() or platform.machine()
    return f"{name}, {cores()} cores"
