"""Requests a second and latency of `nlu-kit serve`, beside a plain FastAPI service around a transformers pipeline.

    apt-get install wrk
    pip install "nlu-kit[serve]"
    python benchmarks/serving.py --model runs/latest           # prints a table, writes benchmarks/results/serving.json

The other service runs one text-classification pipeline (SDPA, fp32) on all-MiniLM-L6-v2, so it finds no entities: half
of the work. Both have two processes with one thread each; wrk (one thread) asks them in turns, and medians are shown.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from corpora import REPOSITORY

RESULTS = REPOSITORY / "benchmarks" / "results" / "serving.json"
PLAIN = """
import torch
from fastapi import FastAPI
from pydantic import BaseModel
from transformers import AutoModelForSequenceClassification, AutoTokenizer, pipeline
from nlu_kit_backbones.source import embedded_folder

torch.set_num_threads(1)
folder = str(embedded_folder())
model = AutoModelForSequenceClassification.from_pretrained(folder, num_labels=7, attn_implementation="sdpa")
classify = pipeline("text-classification", model=model, tokenizer=AutoTokenizer.from_pretrained(folder), top_k=None)
app = FastAPI()

class Request(BaseModel):
    text: str

@app.post("/v1/parse")
def parse(request: Request):
    return {"text": request.text, "intents": classify(request.text)}

@app.get("/readyz")
def readyz():
    return {}
"""
POST = """
wrk.method = "POST" wrk.headers["Content-Type"] = "application/json" local texts = {"book a table in Paris for two",
"play some jazz", "what will the weather be like in Oslo tomorrow morning", "add this song to my road trip playlist",
"rate the last book five stars"} local turn = 0 request = function() turn = turn % #texts + 1 return wrk.format(nil,
nil, nil, '{"text": "' .. texts[turn] .. '"}') end
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, nargs="+", default=[Path("runs/latest")])
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 8, 64])
    parser.add_argument("--seconds", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "plain.py").write_text(PLAIN, "utf-8")
        (folder / "post.lua").write_text(POST, "utf-8")
        serve = [sys.executable, "-m", "nlu_kit", "serve", "--workers", "2", "--model"]
        commands = {str(model): [*serve, str(model.resolve())] for model in arguments.model}
        commands["plain"] = [sys.executable, "-m", "uvicorn", "plain:app", "--workers", "2", "--log-level", "warning"]
        found: dict[str, Any] = {}
        with running(commands, folder) as ports:
            for connections in arguments.connections:
                rows: dict[str, list[tuple[float, float]]] = {name: [] for name in ports}
                for _ in range(arguments.rounds):
                    for name, port in ports.items():
                        rows[name].append(asked(port, connections, arguments.seconds, folder / "post.lua"))
                for name, measured in rows.items():
                    a_second, p99 = (statistics.median(each) for each in zip(*measured, strict=True))
                    found[f"{name}, {connections}"] = {"requests_a_second": a_second, "p99_ms": p99}
                    print(f"{connections:>3} connections  {name:<40} {a_second:8.1f}/s  p99 {p99:8.1f} ms", flush=True)
    RESULTS.write_text(json.dumps(found, indent=1) + "\n", "utf-8")


@contextmanager
def running(commands: dict[str, list[str]], folder: Path) -> Iterator[dict[str, int]]:
    """The port of each server, once all are ready; they wait while they are not asked."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
    started: list[subprocess.Popen[bytes]] = []
    ports: dict[str, int] = {}
    try:
        for number, (name, command) in enumerate(commands.items()):
            ports[name] = 8200 + number
            line = [*command, "--port", str(ports[name])]
            started.append(subprocess.Popen(line, cwd=folder, env=environment, stderr=subprocess.DEVNULL))
            began = time.perf_counter()
            wait_for(ports[name])
            print(f"{name} is ready after {time.perf_counter() - began:.1f} s", flush=True)
        yield ports
    finally:
        for process in started:
            process.send_signal(signal.SIGTERM)
        for process in started:
            process.wait(timeout=30)


def wait_for(port: int) -> None:
    for _ in range(1200):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5):
                return
        except OSError:
            time.sleep(0.05)
    raise SystemExit(f"nothing answers at port {port}")


def asked(port: int, connections: int, seconds: int, script: Path) -> tuple[float, float]:
    """(requests a second, p99 in ms). Raises SystemExit where one was not answered well."""
    command: Sequence[str] = [
        "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "--timeout", "20s", "-s", str(script),
        f"http://127.0.0.1:{port}/v1/parse",
    ]  # fmt: skip
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in said or "Socket errors" in said:
        raise SystemExit(said)
    a_second, p99 = re.search(r"Requests/sec:\s+([\d.]+)", said), re.search(r"99%\s+([\d.]+)(us|ms|s)", said)
    if a_second is None or p99 is None:
        raise SystemExit(said)
    return float(a_second[1]), float(p99[1]) * {"us": 0.001, "ms": 1.0, "s": 1000.0}[p99[2]]


if __name__ == "__main__":
    main()
