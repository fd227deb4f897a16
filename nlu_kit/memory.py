"""How much memory the process has had, and giving back what it no longer needs. No torch."""

from __future__ import annotations

import ctypes
import gc
import sys


def resident_peak_mb() -> float:
    """The most that was resident since the process started, in MB."""
    if sys.platform == "win32":
        import psutil

        return float(psutil.Process().memory_info().peak_wset) / 2**20
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)  # bytes on macOS, kilobytes elsewhere


def give_back() -> None:
    """Return freed memory to the system: a dropped model is part of cycles, and glibc keeps what lies between blocks
    that are in use, so that each of a server's reloads would make it a little larger."""
    gc.collect()
    if sys.platform == "linux" and (trim := getattr(ctypes.CDLL(None), "malloc_trim", None)) is not None:
        trim(0)
