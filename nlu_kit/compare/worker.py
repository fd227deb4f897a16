"""One cell of the grid, in a process of its own: ``python -m nlu_kit.compare.worker``, its task as JSON on stdin.

A process of its own because peak memory is counted per process, and so that no run sees another's torch. What happens
is told on stdout, one JSON object a line; whatever libraries print goes to stderr.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn, TextIO

from nlu_kit.compare.outcomes import outcomes
from nlu_kit.compare.record import utterances_digest, write_record
from nlu_kit.errors import NluKitError
from nlu_kit.heads.codec import Codec
from nlu_kit.plugin.events import EpochEnd, RunEnd, RunStart, StepEnd


class Teller:
    """A callback that tells each epoch to the process that started this one, and keeps it for the record."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.epochs: list[dict[str, Any]] = []
        self.facts: dict[str, Any] = {}

    def tell(self, record: dict[str, Any]) -> None:
        print(json.dumps(record, ensure_ascii=False), file=self.stream, flush=True)

    def on_run_start(self, event: RunStart) -> None:
        self.facts = {
            "device": event.device,
            "precision": event.precision,
            "warnings": [str(warning) for warning in event.warnings],
        }

    def on_step_end(self, event: StepEnd) -> None:
        pass

    def on_epoch_end(self, event: EpochEnd) -> None:
        figures = {"dev": dict(event.dev), "losses": dict(event.losses), "score": event.score, "seconds": event.seconds}
        self.epochs.append({"epoch": event.epoch + 1, **figures})
        self.tell({"event": "epoch", "epoch": event.epoch + 1, "epochs": event.epochs, "score": event.score})

    def on_run_end(self, event: RunEnd) -> None:
        self.facts["peak_memory_mb"] = event.peak_memory_mb


def run_cell(task: dict[str, Any], teller: Teller) -> None:
    """Train, predict the test set with the finished model, and write the record as the last thing."""
    from nlu_kit.config.check import load_pipeline
    from nlu_kit.corpus.read import read_corpus
    from nlu_kit.inference.predictor import load
    from nlu_kit.model.score import score
    from nlu_kit.training.run import train

    folder = Path(task["folder"])
    pipeline = load_pipeline(task["pipeline"], overrides=task["overrides"], check_files=True)
    result = train(pipeline, runs=folder / "runs", callbacks=[teller])
    if result.reason == "interrupted":
        raise KeyboardInterrupt

    corpus = read_corpus(pipeline)
    examples = corpus.test or corpus.dev
    model = load(result.model_dir, device=teller.facts["device"])
    predictions = model.parse_many([example.text for example in examples], batch_size=pipeline.training.batch_size)
    scores = score(model.codecs, examples, predictions)
    record = {
        "key": task["key"],
        "seed": pipeline.training.seed,
        "overrides": task["overrides"],
        "evaluated_on": "test" if corpus.test else "dev",
        "utterances": len(examples),
        "utterances_sha256": utterances_digest([example.text for example in examples]),
        "scores": scores,
        "main_metrics": _main_metrics(model.codecs),
        "dev": result.dev,
        "best_epoch": result.best_epoch + 1,
        "epochs_run": result.epochs_run,
        "reason": result.reason,
        "seconds": result.seconds,
        **teller.facts,
        "epochs": teller.epochs,
        "run": os.path.relpath(result.run_dir, folder),
        "outcomes": outcomes(model.codecs, examples, predictions),
    }
    write_record(folder, record)
    teller.tell({"event": "done"})


def _main_metrics(codecs: dict[str, Codec]) -> dict[str, str]:
    return {name: f"{name}.{codec.main_metric}" for name, codec in codecs.items()}


def _leave(number: int, frame: object) -> NoReturn:
    """End as from an exception, so that what cleans up after itself does."""
    sys.exit(128 + number)


def main(run: Callable[[dict[str, Any], Teller], None] = run_cell) -> int:
    """0: the record is written. 2: a mistake that the user can mend, told on stdout as well."""
    task = json.loads(sys.stdin.buffer.read())
    signal.signal(signal.SIGTERM, _leave)
    ours = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    teller = Teller(ours)
    try:
        run(task, teller)
    except NluKitError as error:
        teller.tell({"event": "failed", "error": str(error)})
        return 2
    except BrokenPipeError:  # whoever started this is gone
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
