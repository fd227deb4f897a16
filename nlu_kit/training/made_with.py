"""What a run was made with: what a run that is resumed must have, too."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from pydantic import BaseModel, ConfigDict

from nlu_kit.config.pipeline import Resolved
from nlu_kit.data.dataset import EncodedDataset
from nlu_kit.errors import ConfigError, Problem
from nlu_kit.files import read_json

SAFE = frozenset(
    f"training.{name}"
    for name in (
        "epochs", "patience", "gradient_accumulation", "threads", "callbacks", "sanity_examples", "card_examples",
        "static_cache_mb", "export", "checkpoint_minutes", "checkpoints", "on_nan", "nan_skips",
    )
) | {"data.test", "name"}  # fmt: skip
"""What may be changed with ``--force``: it leaves the batches, the model and the losses as they were."""


class MadeWith(BaseModel):
    """The resolved file, a fingerprint of each part of the data, and what makes the rounding."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    pipeline: dict[str, Any]
    data: dict[str, str]
    threads: int
    device: str
    precision: str
    processes: int
    versions: dict[str, str]

    @classmethod
    def here(
        cls,
        *,
        pipeline: Mapping[str, Any],
        data: Mapping[str, str],
        components: Iterable[Resolved],
        accelerator: Accelerator,
        precision: str,
    ) -> MadeWith:
        """What a run of this process is made with. Versions are of torch, transformers, and whoever provides the
        ``components``."""
        provided = {one.provided.distribution: one.provided.version for part in components for one in part.walk()}
        return cls(
            pipeline=dict(pipeline),
            data=dict(data),
            threads=torch.get_num_threads(),
            device=str(accelerator.device),
            precision=precision,
            processes=accelerator.num_processes,
            versions={"torch": torch.__version__, "transformers": version("transformers"), **provided},
        )


def begun_with(file: Path, now: MadeWith) -> MadeWith:
    """Of a run without a checkpoint no more is known than the resolved ``file`` in its folder."""
    return now.model_copy(update={"pipeline": read_json(file)})


def fingerprint(dataset: EncodedDataset) -> str:
    """SHA-256 of what is learnt from: token ids and targets, in their order."""
    digest = hashlib.sha256()
    for encoding, targets in zip(dataset.encodings, dataset.targets, strict=True):
        digest.update(np.asarray(encoding.ids, dtype=np.int64).tobytes())
        for head in sorted(targets):
            for name in sorted(targets[head]):
                array = np.ascontiguousarray(targets[head][name])
                digest.update(f"{head}.{name} {array.dtype} {array.shape}".encode() + array.tobytes())
    return digest.hexdigest()


def compare(then: MadeWith, now: MadeWith, *, run: Path, force: bool) -> list[str]:
    """What is different and still lets the run go on, in words.

    Raises ConfigError for what does not, naming each: other data never, other settings only with ``force``, and only
    those in ``SAFE``.
    """
    differences = list(_differences(then.pipeline, now.pipeline))
    named = {path for path, *_ in differences}
    changed = [split for split in then.data if then.data[split] != now.data.get(split)]
    if "train" in changed:  # whose labels give the others their numbers
        changed = ["train"]
    problems = [
        Problem(f"data.{split}", "the data has changed since the checkpoint", "put the old data back, or train anew")
        for split in changed
        if f"data.{split}" not in named
    ]
    said = []
    for path, before, after in differences:
        if not any(path == safe or path.startswith(f"{safe}.") for safe in SAFE):
            hint = "a resumed run can't change it: train anew"
            problems.append(Problem(path, f"was {before}, is {after} now", hint))
        elif not force:
            problems.append(Problem(path, f"was {before}, is {after} now", "to go on with that, add --force"))
        else:
            said.append(f"{path} was {before}, is {after} now")
    if problems:
        raise ConfigError(problems, source=f"{run} can't go on")
    for name in ("threads", "device", "precision", "processes"):
        before, after = getattr(then, name), getattr(now, name)
        if before != after:
            said.append(f"{name}: {before} before, {after} now, so that rounding differs")
    for name, before in then.versions.items():
        after = now.versions.get(name, "none")
        if before != after:
            said.append(f"{name}: {before} before, {after} now, which may compute otherwise")
    return said


def _differences(then: Any, now: Any, path: str = "") -> Iterator[tuple[str, str, str]]:
    if isinstance(then, Mapping) and isinstance(now, Mapping) and then.get("type") == now.get("type"):
        for key in dict.fromkeys([*then, *now]):
            yield from _differences(then.get(key), now.get(key), f"{path}.{key}" if path else key)
    elif isinstance(then, list) and isinstance(now, list) and len(then) == len(now):
        for place, (before, after) in enumerate(zip(then, now, strict=True)):
            yield from _differences(before, after, f"{path}.{place}")
    elif then != now:
        yield path, _shown(then), _shown(now)


def _shown(value: Any) -> str:
    """As a pipeline.json has it; of a component, its type."""
    typed = isinstance(value, Mapping) and "type" in value
    return str(value["type"]) if typed else json.dumps(value, ensure_ascii=False)
