"""Few examples an intent, with entities: nlu-kit as it comes beside fixed numbers of epochs, and spaCy.

    python benchmarks/few_entities.py --examples 3 10 --draws 3 --seeds 3 --spacy VENV/bin/python

It writes benchmarks/results/few_entities.json, and the table of docs/accuracy.md. spaCy is run by a Python that has it
(`pip install spacy`), as it is configured by `spacy.blank("en")` with `textcat` and `ner`, for 40 epochs.

There is no dev set: all examples are trained on. A draw has so many examples of each intent (the first of them in draw
0, others at random). Intent accuracy, strict span F1 and exact match on test, read once at the end of each run.
`bare` names data and heads only; `init` is the pipeline that `nlu-kit init` writes.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from corpora import REPOSITORY, corpus_folder

from nlu_kit.corpus.read import read_any
from nlu_kit.registry import Registry

RESULTS = REPOSITORY / "benchmarks" / "results" / "few_entities.json"
PAGE = REPOSITORY / "docs" / "accuracy.md"
BEGIN, END = "<!-- few entities: written by benchmarks/few_entities.py -->\n", "<!-- end of few entities -->\n"
STARTER = REPOSITORY / "nlu_kit" / "starter"
FIXED = (20, 40, 80)
PIPELINES = ("bare", "init")
SPACY = "spaCy, 40 epochs"
METHODS = [*PIPELINES, *(f"{name}, {epochs} epochs" for name in PIPELINES for epochs in FIXED), SPACY]
METRICS = {"intent": "intent.accuracy", "f1": "ner.f1", "exact_match": "exact_match"}
Record = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpora", nargs="+", choices=["starter", "snips"], default=["starter", "snips"])
    parser.add_argument("--examples", nargs="+", type=int, default=[1, 2, 3, 5, 10, 20, 50])
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=METHODS)
    parser.add_argument("--spacy", default="", help="A Python that has spaCy.")
    parser.add_argument("--threads", type=int, default=None)
    arguments = parser.parse_args()
    for corpus in arguments.corpora:
        train, test = (records(corpus, split) for split in ("train", "test"))
        for count in arguments.examples:
            for draw in range(arguments.draws):
                few = drawn(train, count, draw)
                for seed in range(42, 42 + arguments.seeds):
                    for method in arguments.methods:
                        if method != SPACY or arguments.spacy:
                            key = {"corpus": corpus, "examples": count, "draw": draw, "seed": seed, "method": method}
                            keep({**key, **measured(method, few, test, seed, arguments)})
    write_page(json.loads(RESULTS.read_text("utf-8")))


def keep(record: Record) -> None:
    """Replaces the one of the same run."""
    own = ("corpus", "examples", "draw", "seed", "method")
    others = json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else []
    others = [other for other in others if any(other[name] != record[name] for name in own)]
    RESULTS.write_text(json.dumps([*others, record], indent=1) + "\n", "utf-8")
    print(
        *(record[name] for name in own),
        *(f"{100 * record[name]:.1f}" for name in METRICS),
        record["seconds"],
        flush=True,
    )


def records(corpus: str, split: str) -> list[Record]:
    """As our jsonl format has them."""
    place = STARTER / f"{split}.jsonl" if corpus == "starter" else corpus_folder(corpus) / split
    return [
        {
            "text": example.text,
            "intent": example.intent,
            "entities": [{"start": e.start, "end": e.end, "label": e.label} for e in example.entities or ()],
        }
        for example in read_any(place, Registry.load())
    ]


def drawn(train: Sequence[Record], count: int, draw: int) -> list[Record]:
    """So many of each intent."""
    by_intent: dict[str, list[Record]] = {}
    for record in train:
        by_intent.setdefault(record["intent"], []).append(record)
    chance = random.Random(draw)
    return [
        record
        for _, own in sorted(by_intent.items())
        for record in (own[:count] if draw == 0 else chance.sample(own, min(count, len(own))))
    ]


def measured(method: str, train: Sequence[Record], test: Sequence[Record], seed: int, options: Any) -> Record:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for split, rows in (("train", train), ("test", test)):
            (folder / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
        began = time.perf_counter()
        figures = (
            spacy(folder, seed, options.spacy) if method == SPACY else trained(method, folder, seed, options.threads)
        )
        return {**figures, "seconds": round(time.perf_counter() - began, 1)}


def trained(method: str, folder: Path, seed: int, threads: int | None) -> Record:
    name, _, epochs = method.partition(", ")
    sections: Record = {"heads": {"intent": "intent", "ner": "ner"}}
    if name == "init":
        sections = json.loads((STARTER / "pipeline.json").read_text("utf-8"))
    pipeline = {**sections, "data": {"train": "train.jsonl", "test": "test.jsonl"}}
    (folder / "pipeline.json").write_text(json.dumps(pipeline), "utf-8")
    settings = [f"training.seed={seed}", "training.export=false"]
    settings += [f"training.epochs={epochs.split()[0]}"] if epochs else []
    settings += [f"training.threads={threads}"] if threads else []
    command = [sys.executable, "-m", "nlu_kit", "train", str(folder / "pipeline.json"), "--runs", str(folder / "runs")]
    subprocess.run([*command, *(f"--set={one}" for one in settings)], check=True, capture_output=True)
    described = json.loads((folder / "runs" / "latest" / "model" / "model.json").read_text("utf-8"))
    training = described["training"]
    rejected = training["confidence"]["test"]["out_of_scope.false_rejection"]
    return {name: training["test"][metric] for name, metric in METRICS.items()} | {"false_rejection": rejected}


def spacy(folder: Path, seed: int, python: str) -> Record:
    script = Path(__file__).with_name("spacy_baseline.py")
    result = subprocess.run([python, str(script), str(folder), str(seed)], check=True, capture_output=True, text=True)
    figures: Record = json.loads(result.stdout.splitlines()[-1])
    return figures


def write_page(found: Sequence[Mapping[str, Any]]) -> None:
    """Replace the table of docs/accuracy.md."""
    before, begins, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    _, ends, after = rest.partition(END)
    if not begins or not ends:
        raise SystemExit(f"{PAGE} has no place for the table, between {BEGIN.strip()} and {END.strip()}")
    PAGE.write_text(f"{before}{BEGIN}\n{table(found)}\n{END}{after}", encoding="utf-8")


def table(found: Sequence[Mapping[str, Any]]) -> str:
    """A row per corpus and method: intent accuracy / span F1 / exact match, means over so many runs."""
    counts = sorted({record["examples"] for record in found})
    lines = ["| corpus | method | " + " | ".join(map(str, counts)) + " |", "|" + " --- |" * (len(counts) + 2)]
    for corpus in dict.fromkeys(record["corpus"] for record in found):
        for method in METHODS:
            cells = []
            for count in counts:
                own = [
                    record
                    for record in found
                    if (record["corpus"], record["method"], record["examples"]) == (corpus, method, count)
                ]
                means = (
                    (f"{100 * statistics.mean(record[name] for record in own):.1f}" for name in METRICS) if own else ()
                )
                cells.append(" / ".join(means) + f" ({len(own)})" if own else "–")
            if set(cells) != {"–"}:
                lines.append(f"| {corpus} | {method} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
