"""Which processor this is, and how many of its cores this process may use."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from math import ceil
from pathlib import Path

_GROUPS, _OF_THIS_PROCESS = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")


def processor() -> str:
    """Its name, as far as the system tells; at most 200 characters."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()[:200]
    return (platform.processor() or platform.machine())[:200]


def cores() -> int:
    """Those that this process may use: as many as it may run on (`taskset`), and as much time as its control group has
    (`docker run --cpus`, a limit in Kubernetes). Part of a core counts as one."""
    if hasattr(os, "sched_getaffinity"):
        most = len(os.sched_getaffinity(0))
    else:
        most = getattr(os, "process_cpu_count", os.cpu_count)() or 1
    return max(1, min([most, *(ceil(quota) for quota in _quotas())]))


def _quotas() -> Iterator[float]:
    """How many cores' time this process's groups have, and those above them. Version 2 has one tree of groups; version
    1 has one for each controller. In a container, the group may be named as it is seen from outside: then only the top
    of what can be seen is there, and that is the container's."""
    try:
        lines = _OF_THIS_PROCESS.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:  # no Linux
        return
    for line in lines:
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        tops = []
        if not controllers:
            tops = [_GROUPS, _GROUPS / "unified"]
        elif "cpu" in controllers.split(","):
            tops = [_GROUPS / controllers, _GROUPS / "cpu"]
        for top in tops:
            group = Path(os.path.normpath(path.lstrip("/") or "."))  # /../.. where it is seen from inside another
            for folder in (top / part for part in (group, *group.parents) if ".." not in part.parts):
                yield from _quota(folder)


def _quota(group: Path) -> Iterator[float]:
    """Of one group, if it has any."""
    try:
        if (group / "cpu.max").exists():
            quota, period = (group / "cpu.max").read_text(encoding="ascii").split()
        else:
            quota, period = (
                (group / name).read_text(encoding="ascii").strip() for name in ("cpu.cfs_quota_us", "cpu.cfs_period_us")
            )
        if quota not in ("max", "-1"):
            yield int(quota) / int(period)
    except (OSError, ValueError, ZeroDivisionError):
        return
