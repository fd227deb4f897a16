"""A training in somebody's process: one at a time, and what it changes of the whole process is put back."""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from accelerate.state import AcceleratorState, GradientState, PartialState

from nlu_kit.errors import TrainingError

_guard = threading.Lock()
_training = 0  # the process that trains: a child that was forked meanwhile does not


@contextmanager
def alone() -> Iterator[None]:
    """Random numbers, the number of threads and accelerate's state are afterwards what they were before.

    Raises TrainingError where a training goes on in this process. Weights, dropout and samplers draw from random
    numbers of which a process has one stream; of two trainings neither would be what its seed says.
    """
    global _training
    with _guard:
        if _training == os.getpid():
            raise TrainingError(
                "another training goes on in this process, and random numbers belong to a whole process: begin this "
                "one when that has ended, or in a process of its own (multiprocessing with 'spawn', or nlu-kit train)"
            )
        _training = os.getpid()
    try:
        with _random_numbers(), _threads(), _accelerate():
            yield
    finally:
        _training = 0


@contextmanager
def _random_numbers() -> Iterator[None]:
    python, numpy = random.getstate(), np.random.get_state()
    # Asking a GPU for its numbers would start it, in a process that may not want to.
    devices = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else ()  # type: ignore[no-untyped-call]
    with torch.random.fork_rng(devices=devices):
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)


@contextmanager
def _threads() -> Iterator[None]:
    before = torch.get_num_threads()
    try:
        yield
    finally:
        if torch.get_num_threads() != before:
            torch.set_num_threads(before)


@contextmanager
def _accelerate() -> Iterator[None]:
    """Accelerate keeps one device and precision for the whole process: the training gets a state of its own, and
    whoever uses accelerate here keeps theirs."""
    kinds = (PartialState, AcceleratorState, GradientState)
    before = [kind._shared_state for kind in kinds]
    for kind in kinds:
        kind._shared_state = {}
    try:
        yield
    finally:
        for kind, state in zip(kinds, before, strict=True):
            kind._shared_state = state
