"""What belongs to the whole process is left alone: by the sources, and by what a command may do in its own process."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from nlu_kit.process import is_ours, own_process

ROOT = Path(__file__).resolve().parents[1]
TOUCHES = {
    r"redirect_std": {"cli/plugins_check.py"},
    r"dup2\(": {"cli/output.py", "data/panics.py", "experiments/worker.py", "stdout.py"},
    r"sys\.std(out|err) = ": {"cli/output.py", "stdout.py"},
    r"warnings\.(simplefilter|filterwarnings|catch_warnings)": {"runtime/export.py"},
    r"logging\.(disable|basicConfig)\(": {"serve/app.py"},
    r"\.setLevel\(": {"serve/app.py", "runtime/bulk.py", "runtime/ray_engine.py"},
    r"signal\.signal\(": {
        "training/signals.py",
        "serve/app.py",
        "serve/run.py",
        "experiments/worker.py",
        "runtime/bulk.py",
    },
    r"os\.chdir\(": {"testing/callback.py"},
    r"set_seed\(": {"training/job.py", "pretraining/run.py"},
    r"set_num_threads\(": {"training/accelerator.py", "training/alone.py", "runtime/torch_runtime.py"},
    r"os\.environ\[.*\] =|os\.environ\.setdefault|putenv": {
        "runtime/fork.py",
        "runtime/ray_engine.py",
        "serve/run.py",
        "serve/settings.py",
    },
}
"""By pattern, who may: commands and processes of our own, and what puts back what it found."""


@pytest.mark.parametrize("pattern", TOUCHES)
def test_who_touches_the_whole_process(pattern: str) -> None:
    files = {file.relative_to(ROOT / "nlu_kit").as_posix(): file for file in (ROOT / "nlu_kit").rglob("*.py")}
    found = {name for name, file in files.items() if re.search(pattern, file.read_text(encoding="utf-8"))}
    assert found <= TOUCHES[pattern]


def test_a_command_owns_its_process_until_it_ends() -> None:
    assert not is_ours()
    with own_process():
        with own_process():
            assert is_ours()
        assert is_ours()
    assert not is_ours()
