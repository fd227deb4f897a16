"""One fold in a process of its own: ``python -m nlu_kit.evaluation.fold``, its task as JSON on stdin.

Its process is as a cell's of ``nlu-kit compare``; only what is trained on differs.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from nlu_kit import __version__
from nlu_kit.config.check import load_pipeline
from nlu_kit.config.pipeline import Pipeline, Resolved
from nlu_kit.corpus.read import Corpus
from nlu_kit.data.example import Example
from nlu_kit.evaluation.cross_validation import fold_corpus
from nlu_kit.experiments.worker import Reporter, work, write_record
from nlu_kit.model.codecs import build_codecs, fit_heads
from nlu_kit.model.score import main_metrics
from nlu_kit.params import Params
from nlu_kit.plugin.specs import ReaderSpec
from nlu_kit.registry import Provided


class FoldParams(Params):
    """The reader of a fold has no parameters."""


def run_fold(task: dict[str, Any], reporter: Reporter) -> None:
    """Train on all but the fold, keep the model, and write the record as the last thing."""
    from nlu_kit.training.run import train

    folder = Path(task["folder"])
    pipeline = load_pipeline(task["pipeline"], overrides=task["overrides"], check_files=True)
    corpus = fold_corpus(pipeline, folds=task["folds"], fold=task["fold"])
    own = reading(pipeline, corpus, folder / "split")
    result = train(own, runs=folder / "runs", callbacks=[reporter], resume=True)
    if result.reason == "interrupted":
        raise KeyboardInterrupt
    record = {
        "key": task["key"],
        "fold": task["fold"],
        "sizes": {"train": len(corpus.train), "dev": len(corpus.dev), "held_out": len(corpus.test)},
        "scores": result.test,
        "main": _main_metrics(pipeline, corpus),
        "best_epoch": result.best_epoch + 1,
        "epochs_run": result.epochs_run,
        "seconds": result.seconds,
        **reporter.facts,
        "run": os.path.relpath(result.run_dir, folder),
    }
    write_record(folder, record)
    reporter.send({"event": "done"})


def _main_metrics(pipeline: Pipeline, corpus: Corpus) -> list[str]:
    """Of its heads: the run itself names them only where it has a dev set."""
    fitted = fit_heads(pipeline, corpus.train)
    heads = {name: entry.head for name, entry in fitted.pipeline.heads.items()}
    return main_metrics(build_codecs(heads, fitted.labels))


def reading(pipeline: Pipeline, corpus: Corpus, folder: Path) -> Pipeline:
    """The pipeline with this corpus as its data. The files that it names list where each utterance is from."""
    splits = {"train": corpus.train, "dev": corpus.dev, "test": corpus.test}
    folder.mkdir(parents=True, exist_ok=True)
    files = {name: folder / f"{name}.json" for name in splits}
    for name, file in files.items():
        sources = [example.source for example in splits[name]]
        file.write_text(json.dumps(sources, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

    def read(params: FoldParams, path: Path) -> Iterable[Example]:
        return splits[path.stem]

    spec = ReaderSpec(name="fold", summary="A fold.", params=FoldParams, read=read, detect=lambda path: False)
    provided = Provided(spec=spec, plugin="folds", distribution="nlu-kit", version=__version__)
    named = {name: str(file.resolve()) if splits[name] else None for name, file in files.items()}
    data = pipeline.data.model_copy(update=named)
    return replace(pipeline, data=data, reader=Resolved(kind="reader", provided=provided, params=FoldParams()))


if __name__ == "__main__":
    sys.exit(work(run_fold))
