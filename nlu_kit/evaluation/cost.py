"""What a model costs: time for one text and for many, memory, size. The one module here that times a real model."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from nlu_kit.data.prediction import Prediction
from nlu_kit.model.manifest import read_header

if TYPE_CHECKING:
    from nlu_kit.runtime.predictor import Predictor

WARM_UP = 5
TEXTS = 200  # that latency is measured on, at most
SECONDS = 20.0  # that this may take
CHUNK = 1024

OnProgress = Callable[[int], None]
"""Hears how many more texts are done."""


def predict_all(
    predictor: Predictor, texts: Sequence[str], *, batch_size: int, on_progress: OnProgress
) -> tuple[list[Prediction], float]:
    """(predictions in the order of the texts, seconds without the first few, which warm up)."""
    predictor.parse_many(list(texts[:WARM_UP]), batch_size=batch_size)
    predictions, seconds = list[Prediction](), 0.0
    for start in range(0, len(texts), CHUNK):
        chunk = texts[start : start + CHUNK]
        began = time.perf_counter()
        predictions += predictor.parse_many(chunk, batch_size=batch_size)
        seconds += time.perf_counter() - began
        on_progress(len(chunk))
    return predictions, seconds


def latencies(predictor: Callable[[str], object], texts: Sequence[str]) -> list[float]:
    """Seconds for one text at a time, over texts evenly spread; ended early where the model is slow."""
    places = np.linspace(0, len(texts) - 1, min(len(texts), TEXTS)).round().astype(int)
    # In any order but the data's, which may be by intent or by length: so an early end leaves no part of it out.
    chosen = [texts[place] for place in np.random.default_rng(0).permutation(places)]
    for text in chosen[:WARM_UP]:
        predictor(text)
    found = list[float]()
    for text in chosen:
        began = time.perf_counter()
        predictor(text)
        found.append(time.perf_counter() - began)
        if sum(found) > SECONDS:
            break
    return found


def cost(predictor: Predictor, texts: Sequence[str], *, batch_size: int, seconds: float) -> dict[str, Any]:
    """``seconds`` is what all texts took in batches."""
    times = latencies(predictor, texts)
    p50, p99 = (1000 * float(value) for value in np.quantile(times, [0.5, 0.99]))
    network = predictor.network
    folder = predictor.saved.files.folder
    return {
        "device": network.device,
        "threads": network.threads,
        "latency_ms": {"p50": p50, "p99": p99, "texts": len(times)},
        "throughput": len(texts) / seconds,
        "batch_size": batch_size,
        "peak_memory_mb": network.peak_memory_mb(),
        "model_mb": sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 2**20,
        "parameters": sum(prod(tensor.shape) for tensor in read_header(predictor.saved.weights).values()),
    }
