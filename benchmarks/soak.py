"""Ten minutes of `nlu-kit serve` under load: are all answers there and right, and does memory stay flat?

    pip install "nlu-kit[serve,client]" psutil
    python benchmarks/soak.py --model runs/latest            # prints figures, writes benchmarks/results/soak.json

64 clients ask without a pause: texts of one word to 2,000 characters, one request in ten with several of them, one in
twenty given up before it is answered; every five seconds the model is reloaded. Each answer is compared with what
`parse_many` says in this process. Memory is that of each worker, by its resident size and by its share of what it has
in common with others; its slope is of a line through all samples after the first minute.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil
from corpora import REPOSITORY
from serving import wait_for

import nlu_kit

RESULTS = REPOSITORY / "benchmarks" / "results" / "soak.json"
PORT, TOKEN = 8290, "of-this-benchmark"
WORDS = ["book", "a", "table", "in", "Paris", "for", "two", "play", "jazz", "wake", "me", "at", "seven", "weather"]
LENGTHS = [1] * 3 + [8] * 10 + [20] * 4 + [80] * 2 + [350]
TOLERANCE = 1e-3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=Path("runs/latest"))
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    chance = random.Random(0)
    texts = [" ".join(chance.choices(WORDS, k=chance.choice(LENGTHS))) for _ in range(400)]
    expected = dict(zip(texts, map(essence, told(nlu_kit.load(arguments.model).parse_many(texts))), strict=True))
    with tempfile.TemporaryDirectory() as place:
        (Path(place) / "token").write_text(TOKEN, "utf-8")
        command = [
            sys.executable, "-m", "nlu_kit", "serve", "--port", str(PORT), "--workers", str(arguments.workers),
            "--model", str(arguments.model.resolve()), "--token-file", str(Path(place) / "token"),
        ]  # fmt: skip
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
        try:
            wait_for(PORT)
            soak = Soak(expected, psutil.Process(process.pid), seconds=60 * arguments.minutes)
            found = asyncio.run(soak.run(arguments.clients))
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=60)
    print(json.dumps(found, indent=1))
    RESULTS.write_text(json.dumps(found, indent=1) + "\n", "utf-8")


def told(predictions: Sequence[nlu_kit.Prediction]) -> list[dict[str, Any]]:
    return [prediction.to_json() for prediction in predictions]


def essence(answer: Mapping[str, Any]) -> tuple[Any, ...]:
    """What must be the same: intent, entities, and confidence to a thousandth."""
    entities = tuple((entity["start"], entity["end"], entity["label"]) for entity in answer["entities"])
    return answer["intent"]["name"], entities, answer["intent"]["confidence"]


class Soak:
    """The clients, the one that reloads, and the one that watches memory."""

    def __init__(self, expected: Mapping[str, tuple[Any, ...]], server: psutil.Process, *, seconds: float) -> None:
        self.expected, self.server, self.ends = expected, server, time.monotonic() + seconds
        self.texts = list(expected)
        self.counts: Counter[str] = Counter()
        self.memory: dict[int, list[tuple[float, float, float]]] = {}
        self.errors: list[str] = []

    async def run(self, clients: int) -> dict[str, Any]:
        before = {child.pid for child in self.server.children()}
        began = time.monotonic()
        await asyncio.gather(self.watch(began), self.reload(), *(self.client(number) for number in range(clients)))
        after = {child.pid for child in self.server.children()}
        return {
            **self.counts,
            "requests_a_second": round(self.counts["requests"] / (time.monotonic() - began), 1),
            "workers_replaced": len(before - after),
            "errors": self.errors[:5],
            "memory": [self.line(samples) for samples in self.memory.values()],
        }

    async def client(self, number: int) -> None:
        chance = random.Random(number)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{PORT}", headers=header(), timeout=60) as client:
            while time.monotonic() < self.ends:
                texts = chance.choices(self.texts, k=chance.randint(2, 8) if chance.random() < 0.1 else 1)
                body = {"texts": texts} if len(texts) > 1 else {"text": texts[0]}
                self.counts["requests"] += 1
                patience = 0.02 if chance.random() < 0.05 else 120
                try:
                    answer = await asyncio.wait_for(client.post("/v1/parse", json=body), patience)
                except TimeoutError:
                    self.counts["given up"] += patience < 1
                    self.counts["lost"] += patience > 1
                    continue
                except httpx.HTTPError as error:
                    self.counts["lost"] += 1
                    self.errors.append(repr(error))
                    continue
                if answer.status_code != 200:
                    self.counts[f"status {answer.status_code}"] += 1
                    self.errors.append(answer.text[:200])
                    continue
                self.compare(texts, answer.json())

    def compare(self, texts: Sequence[str], answer: Mapping[str, Any]) -> None:
        answers = answer["predictions"] if len(texts) > 1 else [answer]
        self.counts["texts answered"] += len(answers)
        self.counts["lost"] += len(texts) - len(answers)
        for text, found in zip(texts, map(essence, answers), strict=True):
            wanted = self.expected[text]
            same = found[:2] == wanted[:2] and abs(found[2] - wanted[2]) <= TOLERANCE
            self.counts["differing"] += not same

    async def reload(self) -> None:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{PORT}", headers=header(), timeout=60) as client:
            while time.monotonic() < self.ends:
                await asyncio.sleep(5)
                answer = await client.post("/v1/models/default/reload")
                self.counts["reloads" if answer.status_code == 200 else "reloads refused"] += 1

    async def watch(self, began: float) -> None:
        while time.monotonic() < self.ends:
            await asyncio.sleep(2)
            for child in self.server.children():
                if "resource_tracker" not in " ".join(child.cmdline()):
                    held = child.memory_full_info()
                    minute = (time.monotonic() - began) / 60
                    self.memory.setdefault(child.pid, []).append((minute, held.rss / 1e6, held.pss / 1e6))

    def line(self, samples: Sequence[tuple[float, float, float]]) -> dict[str, float]:
        """MB of one worker, and MB a minute of a line through it."""
        steady = np.array([sample for sample in samples if sample[0] >= 1] or samples)
        return {
            "resident_mb": round(float(np.median(steady[:, 1])), 1),
            "share_mb": round(float(np.median(steady[:, 2])), 1),
            "highest_mb": round(float(steady[:, 1].max()), 1),
            "slope_mb_a_minute": round(float(np.polyfit(steady[:, 0], steady[:, 1], 1)[0]), 3),
        }


def header() -> dict[str, str]:
    return {"authorization": f"Bearer {TOKEN}"}


if __name__ == "__main__":
    main()
