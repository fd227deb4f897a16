"""The fixture ``check_contract``, as a plugin author's own tests get it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

TESTS = """
NLU_KIT_CONTRACT = 2

def test_that_it_keeps_its_contract(check_contract):
    check_contract("reader", "jsonl")

def test_parameters(check_contract):
    check_contract("freezing", "freeze_lower", params={"layers": 1})

def test_one_that_is_broken(check_contract):
    from nlu_kit.plugin import hookimpl
    from nlu_kit.registry import Registry
    from nlu_kit.plugin import CallbackSpec, Params

    class Plugin:
        NLU_KIT_CONTRACT = 2

        @hookimpl
        def nlu_kit_callbacks(self):
            return [CallbackSpec(name="mute", summary="Hears nothing.", params=Params, build=lambda *_: object())]

    check_contract("callback", "mute", registry=Registry.of({"mine": Plugin()}))
"""


def test_it_is_there_wherever_nlu_kit_is_installed(tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text(TESTS, encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        str(tmp_path),
        "test_mine.py",
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert "1 failed, 2 passed" in done.stdout, done.stdout
    assert "clause methods: It has all four methods" in done.stdout
    assert "read: docs/reference/contracts.md#contract-callback-methods" in done.stdout


def test_starting_pytest_stays_light() -> None:
    script = (
        "import sys, nlu_kit.testing.pytest_plugin\n"
        "print([n for n in ('torch', 'numpy', 'pydantic', 'nlu_kit.registry') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"
