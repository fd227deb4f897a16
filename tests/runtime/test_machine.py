"""How many cores a process may use: affinity, and the quota of its control group in both versions."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from nlu_kit.runtime import machine
from nlu_kit.runtime.machine import cores

V1 = "5:devices:/\n4:cpu,cpuacct:/docker/abc\n3:memory:/docker/abc\n0::/\n"


def write(folder: Path, files: dict[str, str]) -> None:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content, encoding="ascii")


def v1(quota: int) -> dict[str, str]:
    return {"cpu.cfs_quota_us": f"{quota}\n", "cpu.cfs_period_us": "100000\n"}


@pytest.mark.parametrize(
    ("own", "groups", "expected"),
    [
        ("0::/\n", {}, 16),
        ("0::/\n", {"cpu.max": "max 100000\n"}, 16),
        ("0::/\n", {"cpu.max": "200000 100000\n"}, 2),
        ("0::/\n", {"cpu.max": "150000 100000\n"}, 2),
        ("0::/\n", {"cpu.max": "10000 100000\n"}, 1),
        ("0::/\n", {"cpu.max": "9900000 100000\n"}, 16),
        ("0::/a/b\n", {"a/b/cpu.max": "max 100000\n", "a/cpu.max": "300000 100000\n"}, 3),
        ("0::/a/b\n", {"a/b/cpu.max": "200000 100000\n", "a/cpu.max": "300000 100000\n"}, 2),
        ("0::/../../outside\n", {"cpu.max": "400000 100000\n", "../outside/cpu.max": "100000 100000\n"}, 4),
        (V1, {f"cpu,cpuacct/docker/abc/{name}": text for name, text in v1(500000).items()}, 5),
        (V1, {f"cpu,cpuacct/docker/abc/{name}": text for name, text in v1(-1).items()}, 16),
        (V1, {f"cpu/{name}": text for name, text in v1(300000).items()}, 3),  # a container's, seen from inside
        (V1, {"unified/cpu.max": "600000 100000\n"}, 6),
        (V1, {f"memory/docker/abc/{name}": text for name, text in v1(100000).items()}, 16),
        ("0::/\n", {"cpu.max": "nonsense\n"}, 16),
        ("nonsense", {"cpu.max": "100000 0\n"}, 16),
    ],
)
def test_a_quota_is_kept(
    own: str, groups: dict[str, str], expected: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "groups", groups)
    write(tmp_path, {"own": own})
    monkeypatch.setattr(machine, "_GROUPS", tmp_path / "groups")
    monkeypatch.setattr(machine, "_OF_THIS_PROCESS", tmp_path / "own")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(16)), raising=False)
    assert cores() == expected


def test_elsewhere_every_core_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_OF_THIS_PROCESS", tmp_path / "nowhere")
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.delattr(os, "process_cpu_count", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 7)
    assert cores() == 7


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system has no affinity")
def test_of_the_cores_that_it_may_run_on(tmp_path: Path) -> None:
    one = min(os.sched_getaffinity(0))
    script = f"import os; os.sched_setaffinity(0, {{{one}}}); from nlu_kit.runtime.machine import cores; print(cores())"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "1\n"


def test_nothing_else_counts_cores() -> None:
    """One place does."""
    root = Path(__file__).parents[2]
    counting = ("cpu_count", "sched_getaffinity", "available_cpu")
    found = {
        file.relative_to(root).as_posix()
        for room in ("nlu_kit", "plugins", "benchmarks")
        for file in (root / room).rglob("*.py")
        if any(word in file.read_text(encoding="utf-8") for word in counting)
    }
    assert found == {"nlu_kit/runtime/machine.py"}
