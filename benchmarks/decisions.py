"""How many predictions differ between torch, the graph and the int8 graph, on each model's own test set.

    python benchmarks/decisions.py runs/snips/latest runs/atis/latest runs/clinc150/latest

Prints one line a model and writes benchmarks/results/decisions.json. The quantised graph is made on a copy, and not
gated, so that its figures show also where it would be refused.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

from machine import machine

import nlu_kit
from nlu_kit.data.prediction import Prediction
from nlu_kit.evaluation.data import read_data
from nlu_kit.model.folder import find_model, open_model
from nlu_kit.model.score import main_metrics, score
from nlu_kit.registry import Registry
from nlu_kit.runtime import quantise
from nlu_kit.runtime.export import add_graph
from nlu_kit.runtime.parity import decisions

RESULTS = Path(__file__).parent / "results" / "decisions.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", type=Path, nargs="+")
    found = {"machine": machine(), "date": date.today().isoformat(), "models": []}
    for model in parser.parse_args().models:
        row = compared(model)
        found["models"].append(row)
        print(json.dumps(row), flush=True)
    RESULTS.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


def compared(model: Path) -> dict[str, Any]:
    registry = Registry.load()
    test = read_data(None, model=find_model(model), registry=registry, split="test").examples
    dev = read_data(None, model=find_model(model), registry=registry, split="dev").examples
    texts = [example.text for example in test]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(shutil.copytree(find_model(model), Path(temporary) / "model"))
        record = add_graph(open_model(folder, registry), [example.text for example in dev])
        by_torch = nlu_kit.load(folder, runtime="torch")
        predictions = {"torch": by_torch.parse_many(texts), "onnx": nlu_kit.load(folder).parse_many(texts)}
        quantise.MOST_CHANGED = quantise.LARGEST_DROP = 1.0
        quantise.add_int8(open_model(folder, registry), dev)
        predictions["int8"] = nlu_kit.load(folder).parse_many(texts)
    names = main_metrics(by_torch.codecs)
    figures = {kind: score(by_torch.codecs, test, rows) for kind, rows in predictions.items()}
    return {
        "model": open_model(find_model(model), registry).name,
        "test_utterances": len(texts),
        "largest_difference_on_dev": record.check.largest_difference,
        "different": {kind: different(predictions["torch"], predictions[kind]) for kind in ("onnx", "int8")},
        "figures": {kind: {name: round(100 * rows[name], 2) for name in names} for kind, rows in figures.items()},
    }


def different(one: Sequence[Prediction], other: Sequence[Prediction]) -> dict[str, int]:
    """``all``: anything but a confidence, the order of the ranking included; ``decided``: all but the ranking."""
    pairs = [(decisions(a), decisions(b)) for a, b in zip(one, other, strict=True)]
    unranked = [tuple({k: v for k, v in side.items() if k != "intents"} for side in pair) for pair in pairs]
    return {"all": sum(a != b for a, b in pairs), "decided": sum(a != b for a, b in unranked)}


if __name__ == "__main__":
    main()
