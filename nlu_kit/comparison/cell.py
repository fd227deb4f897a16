"""One cell of the grid, in a process of its own: ``python -m nlu_kit.comparison.cell``, its task as JSON on stdin."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from nlu_kit.config.check import load_pipeline
from nlu_kit.config.pipeline import Pipeline
from nlu_kit.corpus.split import FRACTION
from nlu_kit.experiments.worker import Reporter, counts_to_json, utterances_digest, work, write_record

CELL = "nlu_kit.comparison.cell"


def run_cell(task: dict[str, Any], reporter: Reporter) -> None:
    """Train, predict the test set with the finished model, and write the record as the last thing."""
    from nlu_kit.corpus.read import read_corpus
    from nlu_kit.model.score import main_metrics, measure
    from nlu_kit.runtime.predictor import load
    from nlu_kit.training.run import train

    folder = Path(task["folder"])
    pipeline = _held_out(load_pipeline(task["pipeline"], overrides=task["overrides"], check_files=True))
    result = train(pipeline, runs=folder / "runs", callbacks=[reporter], resume=True)
    if result.reason == "interrupted":
        raise KeyboardInterrupt

    corpus = read_corpus(pipeline)
    examples = corpus.test or corpus.dev
    model = load(result.model_dir, device=reporter.facts["device"])
    predictions = model.parse_many([example.text for example in examples], batch_size=pipeline.training.batch_size)
    measured = measure(model.codecs, examples, predictions)
    main = main_metrics(model.codecs)
    record = {
        "key": task["key"],
        "seed": pipeline.training.seed,
        "overrides": task["overrides"],
        "evaluated_on": "test" if corpus.test else "dev",
        "utterances": len(examples),
        "utterances_sha256": utterances_digest([example.text for example in examples]),
        "scores": dict(measured.figures),
        "main": main,
        "dev": result.dev,
        "best_epoch": result.best_epoch + 1,
        "epochs_run": result.epochs_run,
        "reason": result.reason,
        "seconds": result.seconds,
        **reporter.facts,
        "epochs": reporter.epochs,
        "run": os.path.relpath(result.run_dir, folder),
        "counts": {name: counts_to_json(measured.counts[name]) for name in main if name in measured.counts},
    }
    write_record(folder, record)
    reporter.send({"event": "done"})


def _held_out(pipeline: Pipeline) -> Pipeline:
    """With a share of train held out as dev, however small, where there would be nothing else to compare on."""
    data = pipeline.data
    if data.test or data.dev or data.dev_fraction is not None:
        return pipeline
    return replace(pipeline, data=data.model_copy(update={"dev_fraction": FRACTION}))


if __name__ == "__main__":
    sys.exit(work(run_cell))
