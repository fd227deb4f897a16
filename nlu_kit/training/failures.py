"""Steps that go wrong: too little memory, and losses that are no numbers."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import torch

from nlu_kit.data.batch import Batch
from nlu_kit.errors import TrainingError
from nlu_kit.training.folders import NOT_A_NUMBER
from nlu_kit.training.resume import Position


class MemoryShortError(TrainingError):
    """There is not enough memory for a step. What was trained is still good."""


@contextmanager
def advising_on_memory(batch: Batch, *, at: Position, pieces: int) -> Iterator[None]:
    """Raises MemoryShortError, with what to do, where there is not enough memory for this one of so many pieces that a
    batch is computed in."""
    try:
        yield
    except RuntimeError as error:
        if not isinstance(error, torch.OutOfMemoryError) and "can't allocate memory" not in str(error):
            raise
        texts, longest = batch.tokens.ids_BT.shape
        raise MemoryShortError(
            f"out of memory on {batch.tokens.ids_BT.device} in step {at.global_step + 1}, with {texts} texts of up to "
            f"{longest} tokens at a time: set training.gradient_accumulation to {2 * pieces}, which takes half as many "
            "at a time to the same result, or shorten texts with backbone.max_length"
        ) from error


def left_out(
    at: Position, found: Mapping[str, float], batches: Sequence[Batch], *, file: Path | None, most: int
) -> None:
    """Count a step whose losses or gradient are no numbers, and keep its texts in ``file`` for somebody to look at.
    Raises TrainingError where more than ``most`` were left out."""
    broken = ", ".join(f"{name} {value}" for name, value in found.items() if not math.isfinite(value)) or "total"
    if file is not None:
        texts = [encoding.text for batch in batches for encoding in batch.encodings]
        line = json.dumps({"step": at.global_step, "broken": broken, "texts": texts}, ensure_ascii=False)
        with suppress(OSError), file.open("a", encoding="utf-8", errors="backslashreplace") as stream:
            stream.write(line + "\n")
    at.skipped += 1
    if at.skipped > most:
        before = f", after {at.skipped - 1} that were left out" if at.skipped > 1 else ""
        raise TrainingError(
            f"the loss is no longer a number in step {at.global_step}{before} ({broken}; the batch's texts are in "
            f"{NOT_A_NUMBER} of the run's folder): lower the learning rates of the freezing strategy, set "
            "training.precision to fp32, or set training.on_nan to skip"
        )
    at.notes.append(f"step {at.global_step} was left out: {broken}; its texts are in {NOT_A_NUMBER}")
