"""What must do without torch, tried in a process of its own. No torch."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nlu_kit.plugin.deferred import loaded
from nlu_kit.testing.clauses import NotTried
from nlu_kit.testing.trial import HEAVY

_BEGIN = """
import importlib, json, sys
def find(path):
    module, _, name = path.partition(":")
    found = importlib.import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    return found
task = json.load(open(sys.argv[1], encoding="utf-8"))
params = find(task["params"]).model_validate(task["section"])
"""
_END = """
print(" ".join(name for name in sys.argv[3:] if name in sys.modules))
"""


@dataclass(frozen=True, slots=True)
class Isolated:
    """``error``: the end of what the process had to say when it failed; ``imported``: which of HEAVY it imported."""

    error: str
    imported: str


def place(thing: Any) -> str:
    """Where another process finds a class or a function: ``module:name``. Raises NotTried where it can't."""
    thing = loaded(thing)
    module, name = getattr(thing, "__module__", "__main__"), getattr(thing, "__qualname__", "<")
    if module == "__main__" or "<" in name:
        raise NotTried(f"another process can't import {thing!r}: it must be at the top level of a module")
    return f"{module}:{name}"


def run_isolated(script: str, task: Mapping[str, Any], arrays: Mapping[str, np.ndarray] | None = None) -> Isolated:
    """Run ``script`` in a fresh process, where it has ``task`` (JSON), ``params`` made of ``task["section"]`` by the
    class at ``task["params"]``, ``find``, which imports what ``place`` says, and the arrays in ``sys.argv[2]``."""
    with tempfile.TemporaryDirectory() as temporary:
        file, numbers = Path(temporary) / "task.json", Path(temporary) / "arrays.npz"
        file.write_text(json.dumps(task), encoding="utf-8")
        np.savez(str(numbers), **(arrays or {}))  # type: ignore[arg-type]
        command = [sys.executable, "-c", _BEGIN + script + _END, str(file), str(numbers), *HEAVY]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    return Isolated(error=done.stderr.strip()[-400:] if done.returncode else "", imported=done.stdout.strip())
