"""Where the time of the first run goes: one `nlu-kit train pipeline.json` in this process, step by step.

    python benchmarks/first_run.py            # prints the table for docs/performance.md

Installation is what `time make setup`, or the first line of `make quickstart`, takes; it is not measured here.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from typing import Any

BEGAN = time.perf_counter()
TOOK: dict[str, float] = {}


def timed(where: Any, name: str, step: str) -> None:
    """From now on, add what ``where.name`` takes to ``step``."""
    function: Callable[..., Any] = getattr(where, name)

    def wrapped(*arguments: Any, **options: Any) -> Any:
        began = time.perf_counter()
        try:
            return function(*arguments, **options)
        finally:
            TOOK[step] = TOOK.get(step, 0.0) + time.perf_counter() - began

    setattr(where, name, wrapped)


def main() -> None:
    from corpora import REPOSITORY

    from nlu_kit.training import finish, job, prepare, run, trainer, validation

    TOOK["imports"] = time.perf_counter() - BEGAN
    timed(prepare, "read_corpus", "reading")
    timed(prepare, "build_backbone", "encoder, with its imports")
    timed(prepare, "encode_dataset", "encoding")
    timed(trainer.Trainer, "fit", "training")
    timed(validation.Validator, "validate", "validating")
    timed(job, "finish", "calibrating, detector")
    timed(finish, "_test", "testing")
    timed(job, "save_model", "saving")
    timed(job.Job, "_export", "exporting, with its check")
    with tempfile.TemporaryDirectory() as runs:
        run.train(REPOSITORY / "pipeline.json", runs=runs)
    TOOK["training"] -= TOOK["validating"]
    TOOK["calibrating, detector"] -= TOOK["testing"]
    TOOK["saving"] -= TOOK["exporting, with its check"]
    whole = time.perf_counter() - BEGAN
    print("| step | seconds | share |\n| --- | --- | --- |")
    for step, seconds in TOOK.items():
        print(f"| {step} | {seconds:.1f} | {seconds / whole:.0%} |")
    print(f"| all | {whole:.1f} | |")


if __name__ == "__main__":
    main()
