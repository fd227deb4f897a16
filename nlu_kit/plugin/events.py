"""What a run tells its callbacks. Plain data: no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from nlu_kit.data.findings import Finding
from nlu_kit.data.prediction import Prediction


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStart:
    """``examples``, ``sampler`` and ``parameters`` are figures by name (``{"train": 1750, "dev": 280}``, …);
    ``out_of_scope`` counts such examples by split, where there are some; ``detector`` is the type of what tells them,
    and ``watched`` the head that it watches, both empty where there is none. A warning is a sentence and the places
    where what it says is the case; as a string it is one line with the first of them. ``resumed``: after how many steps
    a run that was interrupted goes on; None where it begins. ``selects``: dev chooses the epoch."""

    run_dir: Path
    name: str
    device: str
    precision: str
    processes: int
    epochs: int
    steps_per_epoch: int
    examples: Mapping[str, int]
    sampler: Mapping[str, float]
    parameters: Mapping[str, int]
    warnings: Sequence[Finding]
    out_of_scope: Mapping[str, int] = field(default_factory=dict)
    detector: str = ""
    watched: str = ""
    resumed: int | None = None
    selects: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class StepEnd:
    """``losses`` by head (mean over the batch), ``total`` after balancing; ``rates`` is the highest learning rate in
    force for ``backbone`` and ``heads``; ``step`` counts from 1 within the epoch."""

    epoch: int
    step: int
    steps: int
    losses: Mapping[str, float]
    total: float
    rates: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One dev utterance of the sanity print: gold fields beside the prediction."""

    gold: Mapping[str, Any]
    prediction: Prediction


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochEnd:
    """``losses`` are means over the epoch; ``dev`` maps ``head.metric`` and ``exact_match`` to figures in [0, 1];
    ``main`` names those that tell most: each head's main metric and ``exact_match``. Both are empty where there is no
    dev; ``score`` is the training loss then, negative. ``selects``: the epoch with the best score will be the model;
    else the last one will. ``notes`` say what is new about how the epoch was computed."""

    epoch: int
    epochs: int
    losses: Mapping[str, float]
    dev: Mapping[str, float]
    main: Sequence[str]
    score: float
    best_score: float
    best_epoch: int
    improved: bool
    patience_left: int
    seconds: float
    examples_per_second: float
    rates: Mapping[str, float]
    samples: Sequence[Sample]
    notes: Sequence[str] = ()
    selects: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEnd:
    """What a run came to: callbacks hear it, ``train`` returns it, the model folder keeps what is the model's.

    ``reason``: why training ended (``"finished"``, ``"early stopping"``, ``"interrupted"``). ``dev`` and ``test`` map
    ``head.metric`` and ``exact_match`` to [0, 1]; ``sizes`` counts the examples of each split. ``confidence`` has by
    split what is said of confidences: ``head.ece`` (and ``head.ece_uncalibrated``, both on test only, since dev
    calibrates), ``out_of_scope.recall`` and the like. ``best_epoch`` counts from 0 (-1: before the first); without
    ``selects`` it is the last. ``seconds`` are those until the model is written. ``notes`` say what went wrong in the
    end."""

    run_dir: Path
    model_dir: Path
    reason: str
    epochs_run: int
    best_epoch: int
    dev: Mapping[str, float]
    test: Mapping[str, float]
    seconds: float
    peak_memory_mb: float
    precision: str = "fp32"
    sizes: Mapping[str, int] = field(default_factory=dict)
    confidence: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    notes: Sequence[str] = ()
    selects: bool = True


def to_json(event: RunStart | StepEnd | EpochEnd | RunEnd) -> dict[str, Any]:
    """The event as one record of metrics.jsonl."""
    record: dict[str, Any] = {"event": type(event).__name__}
    for key, value in asdict(event).items():
        record[key] = str(value) if isinstance(value, Path) else value
    return record
