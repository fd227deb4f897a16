"""What is in a folder of runs: how each ended, what it came to, what can be removed. No torch."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from nlu_kit.files import JsonError, read_json
from nlu_kit.locking import is_held
from nlu_kit.training.folders import CHECKPOINTS, ENCODER, FILES, LOCK, METRICS, MODEL, is_run, leftovers, points

State = Literal["training", "finished", "interrupted", "crashed", "empty"]
"""``interrupted``: somebody asked for its end; ``crashed``: it just ended, but can be resumed or finished; ``empty``:
it ended before there was anything to keep, and can begin again at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """``epochs`` are done; ``figures`` are those of test, else of dev, by name, and ``split`` says which; ``bytes`` of
    all its files. ``makes`` is its model or its encoder; ``resumable``: where it would go on, if anywhere."""

    folder: Path
    makes: str
    resumable: Literal["", "checkpoint", "start"]
    state: State
    epochs: int
    split: str
    figures: Mapping[str, float]
    bytes: int


def list_runs(runs: Path) -> list[Run]:
    """All runs in a folder, the newest first."""
    folders = sorted((folder for folder in runs.glob("*") if is_run(folder)), reverse=True)
    return [_run(folder) for folder in folders]


def removable(runs: Path) -> list[Path]:
    """What nobody can use any more: what runs that were killed have left beside their checkpoints, and runs that ended
    before there was anything to keep."""
    found: list[Path] = []
    for run in list_runs(runs):
        if run.state == "empty":
            found.append(run.folder)
        elif run.state != "training":
            found += leftovers(run.folder)
    return found


def remove(path: Path) -> None:
    """Raises OSError where it can't be removed."""
    shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink(missing_ok=True)


def _run(folder: Path) -> Run:
    epochs, split, figures = 0, "", {}
    for event in _events(folder / METRICS):
        if event.get("event") == "EpochEnd":
            epochs, split, figures = int(event["epoch"]) + 1, "dev", _main(event, event["dev"])
        elif event.get("event") == "RunEnd":
            split = "test" if event["test"] else "dev"
            figures = _main({"main": list(figures)}, event[split])
    size = sum(file.lstat().st_size for file in folder.rglob("*") if not file.is_dir())
    makes = ENCODER if (folder / FILES[ENCODER]).exists() else MODEL
    begun = (folder / FILES[makes]).is_file()
    return Run(
        folder=folder,
        makes=makes,
        resumable="" if not begun else "checkpoint" if points(folder / CHECKPOINTS) else "start",
        state=_state(folder),
        epochs=epochs,
        split=split,
        figures=figures,
        bytes=size,
    )


def _state(folder: Path) -> State:
    if (folder / MODEL).exists() or (folder / ENCODER).exists():
        return "finished"
    if is_held(folder / LOCK):
        return "training"
    kept = points(folder / CHECKPOINTS)
    if not kept and not (folder / CHECKPOINTS / "best.safetensors").is_file():
        return "empty"
    try:
        asked = bool(kept) and bool(read_json(kept[0] / "state.json")["position"]["asked"])
    except (OSError, JsonError, KeyError, TypeError):
        asked = False
    return "interrupted" if asked else "crashed"


def _events(file: Path) -> Iterator[dict[str, Any]]:
    """Those of whole epochs, and the end; a line that was cut off is passed over."""
    try:
        with file.open(encoding="utf-8") as stream:
            for line in stream:
                if '"EpochEnd"' in line[:40] or '"RunEnd"' in line[:40]:
                    try:
                        yield json.loads(line)
                    except ValueError:
                        continue
    except OSError:
        return


def recorded_epochs(run: Path) -> list[dict[str, Any]]:
    """The EpochEnd events of a run, as metrics.jsonl has them."""
    return [event for event in _events(run / METRICS) if event["event"] == "EpochEnd"]


def _main(event: Mapping[str, Any], figures: Mapping[str, float]) -> dict[str, float]:
    return {name: figures[name] for name in event["main"] if name in figures}
