"""Few examples an intent, on CLINC150: nlu-kit as it comes beside SetFit and logistic regression on frozen vectors.

    pip install matplotlib setfit
    python benchmarks/few_examples.py --examples 5 10 --subsets 3

It writes benchmarks/results/few_examples.json, and the table and the plot of docs/accuracy.md.

Every subset has so many examples of each of the 150 intents, and every method begins at the same encoder. nlu-kit also
gets 600 utterances of val as dev (which choose the epoch), unless the method says that there is no dev; the others have
no use for one. Accuracy on the 4,500 utterances of test that are in scope, read once at the end of each run.

SetFit (Tunstall et al. 2022, "Efficient Few-Shot Learning Without Prompts") runs as in its paper: one epoch over 20
positive and 20 negative pairs an example in batches of 16, then logistic regression.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from corpora import REPOSITORY, corpus_folder
from few_examples_page import write_page

from nlu_kit.heads.label_names import readable

RESULTS = REPOSITORY / "benchmarks" / "results" / "few_examples.json"
DEV = 600
Pairs = Sequence[tuple[str, str]]
NO_DEV = "as it comes, no dev"
METHODS = {
    "as it comes": [],
    NO_DEV: [],
    "recipe few_examples": ["recipe=few_examples"],
    "recipe standard": ["recipe=standard"],
    "recipe standard, 5 epochs": ["recipe=standard", "training.epochs=5", "training.warmup=0.1"],
    "prototype_intent, no epoch": ["heads.intent=prototype_intent", "training.epochs=0"],
    "begun there, encoder frozen": ["freezing=freeze_backbone"],
}
OTHERS = ("logistic regression", "SetFit")
SETFIT_PAIRS = 20  # of each kind, an example


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--examples", nargs="+", type=int, default=[1, 2, 5, 10, 20, 50, 100])
    parser.add_argument("--subsets", type=int, default=3)
    choices = [*OTHERS, *METHODS]
    parser.add_argument("--methods", nargs="+", choices=choices, default=[*OTHERS, "as it comes", NO_DEV])
    arguments = parser.parse_args()
    data = json.loads((corpus_folder("clinc150") / "data_full.json").read_text("utf-8"))
    found: list[dict[str, Any]] = json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else []
    for count in arguments.examples:
        for seed in range(arguments.subsets):
            train = subset(data["train"], count, seed)
            for method in arguments.methods:
                began = time.perf_counter()
                for name, accuracy in measured(method, train, data, seed):
                    key = {"examples": count, "subset": seed, "method": name}
                    found = [one for one in found if any(one[field] != key[field] for field in key)]
                    seconds = round(time.perf_counter() - began, 1)
                    found.append({**key, "accuracy": accuracy, "seconds": seconds})
                    print(count, seed, name, f"{100 * accuracy:.2f}", f"{seconds} s", flush=True)
                RESULTS.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    write_page(found)


def measured(method: str, train: Pairs, data: Any, seed: int) -> list[tuple[str, float]]:
    """(what was measured, its accuracy on test)."""
    if method == "logistic regression":
        return frozen(train, data["test"])
    if method == "SetFit":
        return [("SetFit", setfit(train, data["test"], seed))]
    return [(f"nlu-kit, {method}", trained(method, train, data, seed))]


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


def setfit(train: Pairs, test: Pairs, seed: int) -> float:
    from datasets import Dataset
    from setfit import SetFitModel, Trainer, TrainingArguments

    from nlu_kit_backbones.source import embedded_folder

    with tempfile.TemporaryDirectory() as place:
        model = SetFitModel.from_pretrained(str(embedded_folder()))
        settings = TrainingArguments(
            output_dir=place,
            batch_size=16,
            num_epochs=1,
            num_iterations=SETFIT_PAIRS,
            seed=seed,
            report_to="none",
            save_strategy="no",
        )
        texts, labels = ([pair[side] for pair in train] for side in (0, 1))
        trainer = Trainer(model=model, args=settings, train_dataset=Dataset.from_dict({"text": texts, "label": labels}))
        trainer.train()
        found = model.predict([text for text, _ in test])
    return float(np.mean([str(label) == gold for label, (_, gold) in zip(found, test, strict=True)]))


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


def trained(method: str, train: Pairs, data: Any, seed: int) -> float:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        write(folder / "train.jsonl", train)
        write(folder / "dev.jsonl", random.Random(0).sample(data["val"], DEV))
        write(folder / "test.jsonl", data["test"])
        files = {"train": "train.jsonl", "test": "test.jsonl"}
        pipeline = {
            "data": files if method == NO_DEV else {**files, "dev": "dev.jsonl"},
            "heads": {"intent": "intent"},
            "detector": None,
        }
        (folder / "pipeline.json").write_text(json.dumps(pipeline), "utf-8")
        settings = [*METHODS[method], f"training.seed={seed}", "training.export=false"]
        command = [sys.executable, "-m", "nlu_kit", "train", str(folder / "pipeline.json"), "--runs", str(folder)]
        subprocess.run([*command, *(f"--set={one}" for one in settings)], check=True, capture_output=True)
        described = json.loads((folder / "latest" / "model" / "model.json").read_text("utf-8"))
        return float(described["training"]["test"]["intent.accuracy"])


def write(file: Path, pairs: Pairs) -> None:
    file.write_text("".join(json.dumps({"text": text, "intent": intent}) + "\n" for text, intent in pairs), "utf-8")


if __name__ == "__main__":
    main()
