"""torch reads the variable once, so it must be there before torch is; what the user has set stays."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from nlu_kit.training.huge_pages import VARIABLE, use_huge_pages

# Stops at the first import of torch, and tells what the variable says there.
WATCH = """
import json, os, sys
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == "torch":
            print(json.dumps(os.environ.get({variable!r})), flush=True)
            sys.exit(0)
sys.meta_path.insert(0, Finder())
from nlu_kit.cli.main import main
main(["train", sys.argv[1]])
"""


@pytest.mark.parametrize(("given", "expected"), [({}, "1"), ({VARIABLE: "0"}, "0")])
def test_train_asks_for_them_before_torch_is_imported(
    tmp_path: Path, write_pipeline: Any, given: dict[str, str], expected: str
) -> None:
    environment = {name: value for name, value in os.environ.items() if name != VARIABLE}
    script = WATCH.format(variable=VARIABLE)
    done = subprocess.run(
        [sys.executable, "-c", script, str(write_pipeline(tmp_path))],
        env={**environment, **given},
        capture_output=True,
        text=True,
        check=False,
    )
    assert json.loads(done.stdout.splitlines()[0]) == expected, done.stderr


def test_what_the_user_has_set_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "0")
    use_huge_pages()
    assert os.environ[VARIABLE] == "0"
