"""Few examples an intent, on CLINC150: nlu-kit as it comes beside a logistic regression on frozen vectors.

    python benchmarks/few_examples.py --examples 5 10 --subsets 3      # writes benchmarks/results/few_examples.json

Every subset has so many examples of each of the 150 intents; nlu-kit also gets 600 utterances of val as dev (which
choose the epoch), the regression has no use for one. Accuracy on the 4,500 utterances of test that are in scope, read
once at the end of each run.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from corpora import REPOSITORY, corpus_folder

from nlu_kit.heads.label import readable

RESULTS = REPOSITORY / "benchmarks" / "results" / "few_examples.json"
DEV = 600
Pairs = Sequence[tuple[str, str]]
METHODS = {
    "as it comes": [],
    "recipe standard, 5 epochs": ["recipe=standard", "training.epochs=5", "training.warmup=0.1"],
    "begun there, encoder frozen": ["freezing=freeze_backbone"],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--examples", nargs="+", type=int, default=[1, 2, 5, 10, 20, 50, 100])
    parser.add_argument("--subsets", type=int, default=3)
    parser.add_argument("--methods", nargs="+", choices=list(METHODS), default=list(METHODS))
    arguments = parser.parse_args()
    data = json.loads((corpus_folder("clinc150") / "data_full.json").read_text("utf-8"))
    found: list[dict[str, Any]] = json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else []
    for count in arguments.examples:
        for seed in range(arguments.subsets):
            train = subset(data["train"], count, seed)
            for method, accuracy in [*frozen(train, data["test"]), *trained(train, data, seed, arguments.methods)]:
                key = {"examples": count, "subset": seed, "method": method}
                found = [one for one in found if any(one[name] != key[name] for name in key)]
                found.append({**key, "accuracy": accuracy})
                print(count, seed, method, f"{100 * accuracy:.2f}", flush=True)
                RESULTS.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    for count in arguments.examples:
        for method in dict.fromkeys(one["method"] for one in found):
            values = [100 * one["accuracy"] for one in found if (one["examples"], one["method"]) == (count, method)]
            spread = statistics.stdev(values) if len(values) > 1 else 0.0
            print(f"| {count} | {method} | {statistics.mean(values):.2f} ± {spread:.2f} |" if values else "")


def subset(pairs: Pairs, count: int, seed: int) -> list[tuple[str, str]]:
    """So many of each intent."""
    by_intent: dict[str, list[str]] = {}
    for text, intent in pairs:
        by_intent.setdefault(intent, []).append(text)
    drawn = random.Random(seed)
    return [(text, intent) for intent, texts in sorted(by_intent.items()) for text in drawn.sample(texts, count)]


def frozen(train: Pairs, test: Pairs) -> list[tuple[str, float]]:
    """scikit-learn's (C = 20) on the embedded encoder's vectors, without and with the intents' names."""
    from sklearn.linear_model import LogisticRegression

    named = [(readable(intent), intent) for intent in sorted({intent for _, intent in train})]
    vectors = embedded([text for text, _ in [*train, *named, *test]])
    ends = np.cumsum([len(train), len(named)])
    of_train, of_names, of_test = np.split(vectors, ends)
    labels, gold = [intent for _, intent in train], np.array([intent for _, intent in test])
    names = [intent for _, intent in named]
    results = []
    for method, inputs, targets in (
        ("logistic regression", of_train, labels),
        ("logistic regression, with names", np.concatenate([of_train, of_names]), [*labels, *names]),
    ):
        model = LogisticRegression(C=20, max_iter=1000).fit(inputs, targets)
        results.append((method, float((model.predict(of_test) == gold).mean())))
    return results


def embedded(texts: Sequence[str]) -> np.ndarray:
    """Sentence vectors of length 1, [N, D]."""
    import torch

    from nlu_kit.config.check import resolve
    from nlu_kit.data.batch import collate_tokens
    from nlu_kit.model.build import build_backbone

    backbone = build_backbone(resolve({"data": {"train": "none"}}, base_dir=Path()).backbone, base_dir=Path()).eval()
    encodings = backbone.tokenizer.encode(texts)
    order = sorted(range(len(texts)), key=lambda position: len(encodings[position]))
    found = np.zeros((len(texts), backbone.width), dtype=np.float32)
    for start in range(0, len(order), 64):
        rows = order[start : start + 64]
        batch = collate_tokens([encodings[row] for row in rows], pad_id=backbone.pad_id, device=torch.device("cpu"))
        with torch.inference_mode():
            found[rows] = backbone(batch).pooled_BD.numpy()
    scaled: np.ndarray = found / np.linalg.norm(found, axis=1, keepdims=True)
    return scaled


def trained(train: Pairs, data: Any, seed: int, methods: Sequence[str]) -> list[tuple[str, float]]:
    results = []
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        write(folder / "train.jsonl", train)
        write(folder / "dev.jsonl", random.Random(0).sample(data["val"], DEV))
        write(folder / "test.jsonl", data["test"])
        pipeline = {
            "data": {"train": "train.jsonl", "dev": "dev.jsonl", "test": "test.jsonl"},
            "heads": {"intent": "intent"},
            "detector": None,
        }
        (folder / "pipeline.json").write_text(json.dumps(pipeline), "utf-8")
        for method in methods:
            settings = [*METHODS[method], f"training.seed={seed}", "training.export=false"]
            command = [sys.executable, "-m", "nlu_kit", "train", str(folder / "pipeline.json"), "--runs", str(folder)]
            subprocess.run([*command, *(f"--set={one}" for one in settings)], check=True, capture_output=True)
            described = json.loads((folder / "latest" / "model" / "model.json").read_text("utf-8"))
            results.append((f"nlu-kit, {method}", described["training"]["test"]["intent.accuracy"]))
    return results


def write(file: Path, pairs: Pairs) -> None:
    file.write_text("".join(json.dumps({"text": text, "intent": intent}) + "\n" for text, intent in pairs), "utf-8")


if __name__ == "__main__":
    main()
