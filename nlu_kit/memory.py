"""How much memory the process has had, and giving back what it no longer needs. No torch."""

from __future__ import annotations

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


def is_short(error: BaseException) -> bool:
    """Whether an error says that there was too little memory: Python's own, that of torch's allocator, or what the
    system says of a library that it has no room for."""
    names = {cls.__name__ for cls in type(error).__mro__}
    if isinstance(error, MemoryError) or "OutOfMemoryError" in names:
        return True
    # Without a GPU, torch has no class for it: "DefaultCPUAllocator: can't allocate memory: you tried to allocate …".
    return any(said in str(error) for said in ("DefaultCPUAllocator", "failed to map segment", "annot allocate memory"))


def give_back() -> None:
    """Return freed memory to the system: a dropped model is part of cycles, and each of a server's reloads would make
    it a little larger."""
    gc.collect()
    trim()


def trim() -> None:
    """Return what has been freed already: glibc keeps what lies between blocks that are in use."""
    import ctypes

    if sys.platform == "linux" and (give := getattr(ctypes.CDLL(None), "malloc_trim", None)) is not None:
        give(0)
