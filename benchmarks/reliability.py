"""Ends real work everywhere, goes on, and compares what comes out: docs/reliability.md.

    python benchmarks/reliability.py                       # half an hour
    python benchmarks/reliability.py --only predict --moments 20

`train`: a tiny pipeline with dropout, two epochs, a checkpoint after every step. It dies at each of its file operations
(a write, a rename, an fsync, a removal), in the middle of a write; from each operation on the disk is full; it is
killed at random moments; and it is given file systems that are too small (which takes the right to mount one). Each is
resumed, or trained anew where nothing was kept yet, and its weights are compared, byte by byte, with those of a run
that nobody disturbed. `compare` and `predict --output` are killed at random moments, and what they write in the end is
compared. Figures go to benchmarks/results/reliability.json.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from corpora import REPOSITORY

sys.path.insert(0, str(REPOSITORY))
from tests.training.killing import run_task

RESULTS = REPOSITORY / "benchmarks" / "results" / "reliability.json"
PHRASES = {"book": "book a table in {}", "play": "play some {}", "wake": "wake me at {}"}
WORDS = {"book": ["Paris", "Rome", "Oslo"], "play": ["jazz", "folk", "rock"], "wake": ["seven", "noon", "ten"]}
NLU_KIT = [sys.executable, "-m", "nlu_kit"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=("train", "compare", "predict"))
    parser.add_argument("--moments", type=int, help="in place of 450 for train, 12 for compare, 60 for predict")
    arguments = parser.parse_args()
    known = json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else {}
    parts: dict[str, tuple[Callable[[Path, int], dict[str, Any]], int]] = {
        "train": (trained, 450),
        "compare": (compared, 12),
        "predict": (predicted, 60),
    }
    for name, (part, moments) in parts.items():
        if arguments.only in (None, name):
            with tempfile.TemporaryDirectory() as place:
                known[name] = part(Path(place), moments if arguments.moments is None else arguments.moments)
            print(json.dumps({name: known[name]}, indent=1), flush=True)
    RESULTS.write_text(json.dumps(known, indent=1) + "\n", "utf-8")


def trained(folder: Path, moments: int) -> dict[str, Any]:
    chance = random.Random(0)
    ends: list[tuple[str, float | None]] = [("die", None), ("full", None)]
    ends += [("kill", chance.uniform(0, 0.7)) for _ in range(moments)]
    if os.name == "posix" and os.geteuid() == 0:
        ends += [("tmpfs", kilobytes) for kilobytes in (*range(8, 200, 24), *range(200, 3000, 200))]
    found = run_task({"pipeline": str(written(folder)), "place": str(folder / "place"), "ends": ends})
    ended = [one for one in found if one["died"]]
    good = [one for one in found if one["clean"] and one["goes_on"] and one["same"]]
    return {
        "tried": len(found),
        "ended early": dict(Counter(one["how"] for one in ended)),
        "resumed from a checkpoint": sum(one["resumed"] for one in ended),
        "as it should be": len(good),
        "most steps lost by kills": max(one["steps_lost"] for one in ended if one["how"] in ("die", "kill")),
        "not as it should be": [one for one in found if one not in good],
    }


def compared(folder: Path, moments: int) -> dict[str, Any]:
    """Two settings, two seeds, each a process of its own; figures without their times."""
    written(folder)
    command = [*NLU_KIT, "compare", "pipeline.json", "--vary", "sampler=random,weighted", "--seeds", "2", "--quiet"]

    def result(output: str) -> Any:
        records = json.loads((folder / output / "compare.json").read_text("utf-8"))
        return without_times(records)

    return killed(lambda name, _: [*command, "--output", name], result, folder, moments)


def predicted(folder: Path, moments: int) -> dict[str, Any]:
    """Twenty thousand texts, answered by two processes."""
    written(folder, export=True)
    subprocess.run([*NLU_KIT, "train", "--quiet"], cwd=folder, check=True, capture_output=True)
    chance = random.Random(1)
    texts = [PHRASES[intent].format(chance.choice(WORDS[intent])) for intent in chance.choices(list(WORDS), k=20_000)]
    (folder / "in.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), "utf-8")
    command = [*NLU_KIT, "predict", "--input", "in.jsonl", "--workers", "2", "--output"]

    def line(name: str, again: bool) -> list[str]:
        begun = again and (folder / f"{name}.jsonl.progress").exists()
        if again and not begun and (folder / f"{name}.jsonl").exists():
            return ["true"]  # it was done when it was killed
        return [*command, f"{name}.jsonl", *(["--resume"] if begun else [])]

    return killed(line, lambda name: (folder / f"{name}.jsonl").read_bytes(), folder, moments)


def killed(
    line: Callable[[str, bool], list[str]], result: Callable[[str], Any], folder: Path, moments: int
) -> dict[str, Any]:
    """SIGKILL at random moments, then the command that goes on; what comes out, beside what nobody disturbed."""
    chance = random.Random(0)
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    began = time.monotonic()
    subprocess.run(line("whole", False), cwd=folder, env=environment, check=True, capture_output=True)
    seconds, whole = time.monotonic() - began, result("whole")
    died, wrong = 0, []
    for number in range(moments):
        name = f"killed-{number}"
        process = subprocess.Popen(
            line(name, False), cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        after = chance.uniform(0, seconds)
        try:
            process.wait(after)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            died += 1
        again = went_on(line(name, True), folder, environment) if process.returncode else "done"
        if again != "done" or result(name) != whole:
            wrong.append({"after": round(after, 2), "again": again})
    return {"tried": moments, "killed": died, "as it should be": moments - len(wrong), "not as it should be": wrong}


def went_on(command: Sequence[str], folder: Path, environment: dict[str, str]) -> str:
    """``done``, or what was said. Processes of the one that was killed end by themselves, which may take a moment."""
    said = ""
    for _ in range(20):
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return "done"
        said = done.stderr[-500:]
        if "already" not in said and "is being written" not in said:
            break
        time.sleep(1)
    return said


def without_times(value: Any) -> Any:
    """The same without what differs from run to run: seconds, rates, memory, folders."""
    if isinstance(value, dict):
        times = ("second", "memory", "run", "folder", "created", "duration", "time")
        return {key: without_times(inner) for key, inner in value.items() if not any(each in key for each in times)}
    return [without_times(inner) for inner in value] if isinstance(value, list) else value


def written(folder: Path, *, export: bool = False) -> Path:
    """A small corpus and its pipeline, with an encoder from scratch."""
    records = [
        {
            "text": PHRASES[intent].format(word),
            "intent": intent,
            "entities": [
                {"start": PHRASES[intent].index("{"), "end": PHRASES[intent].index("{") + len(word), "label": intent}
            ],
        }
        for _ in range(6)
        for intent, words in WORDS.items()
        for word in words
    ]
    for split in ("train", "dev"):
        (folder / f"{split}.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records), "utf-8")
    (folder / "texts.txt").write_text("".join(f"{record['text']}\n" for record in records), "utf-8")
    backbone = {"type": "new_bert", "texts": ["texts.txt"], "vocabulary": 300, "layers": 2, "width": 32}
    pipeline = {
        "data": {"train": "train.jsonl", "dev": "dev.jsonl"},
        "backbone": {**backbone, "attention_heads": 2},
        "heads": {"intent": "intent", "ner": "ner"},
        "training": {"epochs": 2, "batch_size": 16, "checkpoint_minutes": 0, "export": export, "device": "cpu"},
    }
    (folder / "pipeline.json").write_text(json.dumps(pipeline), "utf-8")
    return folder / "pipeline.json"


if __name__ == "__main__":
    main()
