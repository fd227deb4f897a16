"""What each lever buys, on dev: 1,000 training utterances of SNIPS and of ATIS, one change at a time, three seeds.

    python benchmarks/ablation.py             # all levers; goes on where it stopped; writes docs/accuracy.md
    python benchmarks/ablation.py --levers base crf --jobs 2

Test is not read. Every run is a process of its own; a lever is a list of ``--set`` values for `nlu-kit train`, or one
of the experiments of ``regularisers.py`` and ``mlm.py``, which are not in the product.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from ablation_page import write_page
from corpora import REPOSITORY, corpus_folder, cut
from levers import LEVERS, Lever

from nlu_kit.runtime.machine import cores

AVAILABLE = [name for name, lever in LEVERS.items() if not lever.removed]

RESULTS = REPOSITORY / "benchmarks" / "results" / "ablation.jsonl"
CORPORA = ("snips", "atis")
UTTERANCES = 1000
SCRATCH = Path(tempfile.mkdtemp(prefix="nlu-kit-ablation-"))
PREPARING = threading.Lock()
BASE = [
    "data.test=null",
    "freezing.encoder_lr=2e-4",
    "training.epochs=12",
    "training.patience=12",
    "training.sanity_examples=0",
    "training.batch_size=32",
    "training.fgm=null",
    "detector=null",
    'heads.ner={"type": "ner", "loss": "cross_entropy"}',
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--levers", nargs="+", choices=AVAILABLE, default=AVAILABLE)
    parser.add_argument("--corpora", nargs="+", choices=CORPORA, default=list(CORPORA))
    parser.add_argument("--seeds", nargs="+", type=int, default=[42, 43, 44])
    parser.add_argument("--jobs", type=int, default=1, help="runs at a time")
    parser.add_argument("--threads", type=int, help="of each run; when absent, the cores are shared out among the jobs")
    arguments = parser.parse_args()
    done = {(run["lever"], run["corpus"], run["seed"]) for run in records()}
    wanted = itertools.product(arguments.levers, arguments.corpora, arguments.seeds)
    threads = arguments.threads or max(1, cores() // arguments.jobs)
    with ThreadPoolExecutor(arguments.jobs) as pool:
        futures = [pool.submit(measure, *key, threads) for key in wanted if key not in done]
        for future in as_completed(futures):
            record = future.result()
            with RESULTS.open("a", encoding="utf-8") as file:
                file.write(json.dumps(record) + "\n")
            print(json.dumps(record), flush=True)
    write_page(records(), LEVERS)


def records() -> list[dict[str, Any]]:
    if not RESULTS.exists():
        return []
    return [json.loads(line) for line in RESULTS.read_text(encoding="utf-8").splitlines()]


def measure(name: str, corpus: str, seed: int, threads: int) -> dict[str, Any]:
    """One run on the first so many utterances; the figures are those of its best epoch on dev."""
    lever: Lever = LEVERS[name]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "train").mkdir()
        cut(corpus, "train", folder / "train", UTTERANCES)
        settings = [f"data.train={folder / 'train'}", f"data.dev={corpus_folder(corpus) / 'dev'}", *BASE]
        settings += [f"training.seed={seed}", f"training.threads={threads}", *lever.settings]
        if lever.prepare:
            settings += prepared(lever.prepare, folder / "train" / "seq.in", f"{name}-{corpus}", threads)
        command = [sys.executable, *lever.program, "train", f"benchmarks/pipelines/{corpus}.json"]
        command += ["--runs", str(folder / "runs"), *itertools.chain(*(("--set", setting) for setting in settings))]
        environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
        subprocess.run(command, cwd=REPOSITORY, check=True, env=environment, stdout=subprocess.DEVNULL)
        lines = (folder / "runs" / "latest" / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    (end,) = (event for event in map(json.loads, lines) if event["event"] == "RunEnd")
    dev = {name: round(100 * end["dev"][name], 2) for name in ("intent.accuracy", "ner.f1", "exact_match")}
    return {
        "lever": name,
        "corpus": corpus,
        "seed": seed,
        "dev": dev,
        "best_epoch": end["best_epoch"] + 1,
        "seconds": round(end["seconds"]),
    }


def prepared(program: Sequence[str], texts: Path, name: str, threads: int) -> list[str]:
    """Run what comes before training, from the training texts alone, once for all seeds; the settings that use it."""
    encoder = SCRATCH / name
    with PREPARING:
        if not encoder.exists():
            command = [sys.executable, *program, str(texts), str(encoder), "--threads", str(threads)]
            subprocess.run(command, cwd=REPOSITORY, check=True, stdout=subprocess.DEVNULL)
    return [f'backbone={{"type": "sentence_transformer", "model": "{encoder}"}}']


if __name__ == "__main__":
    main()
