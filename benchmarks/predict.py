"""How long answers take: the graph, the quantised graph and torch, beside transformers; interleaved in one run.

    nlu-kit export runs/latest --int8
    python benchmarks/predict.py runs/latest --rounds 5

Cold is a whole process (`nlu-kit predict TEXT`). Warm is one text at a time, from text to Prediction, and in batches is
`parse_many`; beside them the same encoder in transformers, with SDPA: one text at a time its forward pass alone, in
batches its tokenizer and forward pass on random batches of 32. One thread on all sides.
Files are `nlu-kit predict --output` with one process and with two, beside transformers with as many threads.
Prints the medians and writes benchmarks/results/predict.json.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from machine import machine

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "predict.json"
TEXT = "book a table in Paris"
ONE_THREAD = {**os.environ, "OMP_NUM_THREADS": "1"}
BATCH = 32

Work = Callable[[], Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--texts", type=int, default=320)
    arguments = parser.parse_args()
    rounds = arguments.rounds
    chosen = [json.loads(line)["text"] for line in (ROOT / "nlu_kit/starter/test.jsonl").open(encoding="utf-8")]
    texts = (chosen * (1 + arguments.texts // len(chosen)))[: arguments.texts]
    with tempfile.TemporaryDirectory() as temporary:
        folders = both_graphs(arguments.model, Path(temporary))
        starts = [(name, folder, "auto") for name, folder in folders.items()] + [("torch", folders["onnx"], "torch")]
        cold: dict[str, list[tuple[float, float]]] = {name: [] for name, _, _ in starts}
        for _ in range(rounds):
            for name, folder, runtime in starts:
                cold[name].append(first_answer(folder, runtime))
        sides, in_batches = prepared(folders, texts)
        warm = [{name: percentiles(each) for name, each in sides.items()} for _ in range(rounds)]
        in_files = [
            files(folders, chosen, Path(temporary), in_batches["transformers"], len(texts)) for _ in range(rounds)
        ]
        batches = [{name: len(texts) / seconds(work) for name, work in in_batches.items()} for _ in range(rounds)]
    found = {
        "machine": machine(),
        "date": date.today().isoformat(),
        "rounds": rounds,
        "cold_seconds": {name: round(statistics.median(t for t, _ in rows), 3) for name, rows in cold.items()},
        "cold_mb": {name: round(statistics.median(m for _, m in rows)) for name, rows in cold.items()},
        "warm_ms": {
            name: {p: round(statistics.median(row[name][p] for row in warm), 2) for p in ("p50", "p99")}
            for name in sides
        },
        "texts_a_second": {name: round(statistics.median(row[name] for row in batches)) for name in in_batches},
        "files_texts_a_second": {name: round(statistics.median(row[name] for row in in_files)) for name in in_files[0]},
    }
    RESULTS.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(found, indent=2))


def both_graphs(model: Path, temporary: Path) -> dict[str, Path]:
    """The model with its full graph alone, and with the quantised one, if it has that."""
    from nlu_kit.files import write_json
    from nlu_kit.model.folder import open_model
    from nlu_kit.model.manifest import write_manifest
    from nlu_kit.registry import Registry
    from nlu_kit.runtime.graph import GRAPH_INT8, RECORD, GraphRecord

    saved = open_model(model, Registry.load())
    record = saved.files.settings(RECORD, GraphRecord)
    if record.int8 is None:
        return {"onnx": saved.files.folder}
    full = Path(shutil.copytree(saved.files.folder, temporary / "full"))
    (full / GRAPH_INT8).unlink()
    write_json(full / RECORD, record.model_copy(update={"int8": None}).model_dump())
    write_manifest(full)
    return {"onnx": full, "int8": saved.files.folder}


def first_answer(model: Path, runtime: str) -> tuple[float, float]:
    """(seconds, peak memory in MB) of a whole process."""
    command = [sys.executable, "-m", "nlu_kit", "predict", "--model", str(model), "--runtime", runtime, TEXT]
    measured = (
        "import resource, subprocess, sys, time\nbegan = time.perf_counter()\n"
        "subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)\n"
        "print(time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    done = subprocess.run(
        [sys.executable, "-c", measured, *command], env=ONE_THREAD, capture_output=True, text=True, check=True
    )
    seconds, kilobytes = map(float, done.stdout.split())
    return seconds, kilobytes / 2**10


def prepared(folders: dict[str, Path], texts: Sequence[str]) -> tuple[dict[str, list[Work]], dict[str, Work]]:
    """Per side, the work for each of the texts, and the work for all of them in batches."""
    import torch

    import nlu_kit

    torch.set_num_threads(1)
    models = {name: nlu_kit.load(folder) for name, folder in folders.items()}
    models["torch"] = nlu_kit.load(folders["onnx"], runtime="torch")
    sides = {name: [lambda m=model, t=text: m(t) for text in texts] for name, model in models.items()}
    in_batches: dict[str, Work] = {
        name: lambda m=model: m.parse_many(texts, batch_size=BATCH) for name, model in models.items()
    }
    encoder, tokenizer = transformers_encoder(folders["onnx"])

    def forward(inputs: Any) -> Any:
        with torch.inference_mode():
            return encoder(**inputs).last_hidden_state

    def plain() -> None:
        shuffled = random.Random(0).sample(list(texts), len(texts))
        for start in range(0, len(shuffled), BATCH):
            forward(tokenizer(shuffled[start : start + BATCH], padding=True, return_tensors="pt"))

    sides["transformers"] = [
        lambda inputs=tokenizer(text, return_tensors="pt"): forward(inputs)  # type: ignore[misc]
        for text in texts
    ]
    in_batches["transformers"] = plain
    return sides, in_batches


def transformers_encoder(folder: Path) -> tuple[Any, Any]:
    """The same architecture and tokenizer; what the weights are makes no difference here."""
    from transformers import AutoConfig, AutoModel, AutoTokenizer

    backbone = folder / "backbone"
    encoder = AutoModel.from_config(AutoConfig.from_pretrained(backbone), attn_implementation="sdpa")
    return encoder.eval(), AutoTokenizer.from_pretrained(backbone)


def files(
    folders: dict[str, Path], chosen: Sequence[str], temporary: Path, plain: Work, texts: int, *, rows: int = 4000
) -> dict[str, float]:
    """Texts a second of whole files, as the command says, and of transformers on ``texts``; 1 and 2 cores."""
    import torch

    source, output = temporary / "in.jsonl", temporary / "out.jsonl"
    lines = [json.dumps({"text": text}) for text in (list(chosen) * (1 + rows // len(chosen)))[:rows]]
    source.write_text("\n".join(random.Random(0).sample(lines, rows)) + "\n", encoding="utf-8")
    found = {}
    for cores in (1, 2):
        for name, folder in folders.items():
            command = [sys.executable, "-m", "nlu_kit", "predict", "-m", str(folder), "-i", str(source)]
            command += ["-o", str(output), "--overwrite", "--workers", str(cores)]
            done = subprocess.run(command, env=ONE_THREAD, capture_output=True, text=True, check=True)
            found[f"{name}, {cores}"] = float(done.stdout.partition("(")[2].partition(" ")[0].replace(",", ""))
        torch.set_num_threads(cores)
        found[f"transformers, {cores}"] = texts / seconds(plain)
    torch.set_num_threads(1)
    return found


def seconds(work: Work) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def percentiles(work: Sequence[Work]) -> dict[str, float]:
    """Milliseconds for one of them, warmed up."""
    for one in work[:20]:
        one()
    times = sorted(1000 * seconds(one) for one in work)
    return {"p50": times[len(times) // 2], "p99": times[int(0.99 * len(times))]}


if __name__ == "__main__":
    main()
