"""Two grids never run in one folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from nlu_kit.locking import only_one


def test_the_second_compare_names_the_first(write_pipeline: Any, tmp_path: Path, run_cli: Any) -> None:
    write_pipeline(tmp_path)
    for command in (["compare", "--seeds", "1"], ["evaluate", "--folds", "2", "pipeline.json", "--output", "compare"]):
        folder = tmp_path / "compare" / ("" if command[0] == "compare" else "folds")
        folder.mkdir(parents=True, exist_ok=True)
        with only_one(folder / ".lock"):
            done = run_cli(tmp_path, *command)
        assert done.returncode == 2
        assert f"already (process {os.getpid()} on " in done.stderr
        assert "wait for them, or set --output" in done.stderr
