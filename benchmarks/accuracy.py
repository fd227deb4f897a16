"""Accuracy on SNIPS, ATIS, CLINC150 and the starter corpus, with speed and memory; writes docs/benchmarks.md.

    python benchmarks/accuracy.py                                    # every corpus, the pipelines' own seed
    python benchmarks/accuracy.py --corpora atis --seeds 42 43 44

Each run is `nlu-kit train benchmarks/pipelines/<corpus>.json` (for the starter corpus: `pipeline.json`) in a process of
its own, so that peak memory is its own. No setting is chosen on test, which is read once per run, after training.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from corpora import REPOSITORY, corpus_folder, write_clinc150
from machine import machine
from page import write_page

RESULTS = REPOSITORY / "benchmarks" / "results" / "accuracy.json"
SPLITS = ("train", "dev", "test")


@dataclass(frozen=True)
class Corpus:
    """``metrics``: those that the page shows. ``reference``: what others published."""

    title: str
    metrics: Sequence[str] = ("intent.accuracy", "ner.f1", "exact_match")
    reference: str = ""


CORPORA = {
    "snips": Corpus(
        "SNIPS",
        reference="JointBERT (110 million parameters) 98.6 / 97.0 / 92.8; DistilBERT (66 million) 98.0 / 96.1 / 91.0",
    ),
    "atis": Corpus("ATIS", reference="JointBERT 97.5 / 96.1 / 88.2; DistilBERT 97.8 / 95.5 / 87.7"),
    "clinc150": Corpus(
        "CLINC150",
        ("out_of_scope.in_scope_accuracy", "out_of_scope.recall", "out_of_scope.auroc"),
        "BERT and a threshold 96.2 / 52.3; BERT-base 96.5, AUROC 94.2; SNGP AUROC 96.9",
    ),
    "starter": Corpus("starter"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpora", nargs="+", choices=list(CORPORA), default=list(CORPORA))
    parser.add_argument("--seeds", nargs="+", type=int, default=[42])
    parser.add_argument("--set", action="append", default=[], metavar="PATH=VALUE", help="passed on to nlu-kit train")
    parser.add_argument("--runs", type=Path, help="keep runs and models here, in a folder per corpus and seed")
    arguments = parser.parse_args()
    for corpus in arguments.corpora:
        for seed in arguments.seeds:
            with tempfile.TemporaryDirectory() as temporary:
                runs = (arguments.runs or Path(temporary)).resolve() / f"{corpus}-{seed}"
                record = run(corpus, seed, arguments.set, runs)
            # Read again each time: other corpora and seeds may be measured beside this one.
            results: dict[str, Any] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
            results[corpus] = merged(results.get(corpus, []), record)
            RESULTS.write_text(json.dumps(results, indent=2) + "\n")
            write_page(results, CORPORA)
            print(json.dumps(record, indent=2))


def merged(records: Sequence[Mapping[str, Any]], record: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """``record`` and those of other seeds, by seed; what another pipeline or other overrides gave is forgotten."""
    same = [
        other
        for other in records
        if other["seed"] != record["seed"] and all(other.get(key) == record[key] for key in ("pipeline", "overrides"))
    ]
    return sorted([*same, record], key=lambda each: each["seed"])


def run(corpus: str, seed: int, overrides: list[str], runs: Path) -> dict[str, Any]:
    """Train once; the figures come from the run's own metrics.jsonl."""
    with tempfile.TemporaryDirectory() as temporary:
        pipeline, settings = prepare(corpus, Path(temporary))
        composed = json.loads((REPOSITORY / pipeline).read_text(encoding="utf-8"))
        command = [sys.executable, "-m", "nlu_kit", "train", pipeline, "--runs", str(runs)]
        for setting in [*settings, f"training.seed={seed}", *overrides]:
            command += ["--set", setting]
        subprocess.run(command, cwd=REPOSITORY, check=True)
        lines = (runs / "latest" / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    events = [json.loads(line) for line in lines]
    start = next(event for event in events if event["event"] == "RunStart")
    epochs = [event for event in events if event["event"] == "EpochEnd"]
    end = next(event for event in events if event["event"] == "RunEnd")
    return {
        "seed": seed,
        "pipeline": composed,
        "overrides": overrides,
        "date": date.today().isoformat(),
        "machine": machine(),
        "device": start["device"],
        "precision": start["precision"],
        "parameters": start["parameters"]["total"],
        "test": percent({**end["test"], **end["confidence"].get("test", {})}),
        "dev": percent({**end["dev"], **end["confidence"].get("dev", {})}),
        "epochs_run": end["epochs_run"],
        "best_epoch": end["best_epoch"] + 1,
        "seconds": round(end["seconds"]),
        "examples_per_second": round(statistics.median(epoch["examples_per_second"] for epoch in epochs)),
        "peak_memory_mb": round(end["peak_memory_mb"]),
    }


def prepare(corpus: str, folder: Path) -> tuple[str, list[str]]:
    """The pipeline's file, and the settings that say where its data is."""
    if corpus == "starter":
        return "pipeline.json", []
    if corpus == "clinc150":
        write_clinc150(folder)
        return "benchmarks/pipelines/clinc150.json", [f"data.{split}={folder / split}.jsonl" for split in SPLITS]
    found = corpus_folder(corpus)
    return f"benchmarks/pipelines/{corpus}.json", [f"data.{split}={found / split}" for split in SPLITS]


def percent(figures: Mapping[str, float]) -> dict[str, float]:
    return {name: round(100 * value, 2) for name, value in figures.items()}


if __name__ == "__main__":
    main()
