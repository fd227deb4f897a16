"""One process at a time, and the system frees what a process held that was killed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from nlu_kit.locking import BusyError, is_held, only_one

HOLDER = """
import sys, time
from pathlib import Path
from nlu_kit.locking import only_one
with only_one(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_another_process_holds_it_until_it_dies(tmp_path: Path) -> None:
    file = tmp_path / ".lock"
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    assert is_held(file)
    with pytest.raises(BusyError, match=rf"process {process.pid} on \S+, since 20"), only_one(file):
        pass
    process.kill()
    process.wait()
    assert file.exists(), "left behind, but nobody's"
    assert not is_held(file)
    with only_one(file):
        assert is_held(file)
    assert not file.exists()
    assert not is_held(file)


def test_what_can_not_be_written(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"), only_one(tmp_path / "gone" / ".lock"):
        pass
