"""A training in somebody else's process: it leaves that as it was, and two at once are never both wrong."""

from __future__ import annotations

import logging
import os
import random
import signal
import sys
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState

from nlu_kit.errors import TrainingError
from nlu_kit.pretraining.run import pretrain
from nlu_kit.training.alone import alone
from nlu_kit.training.run import finish_run, resume_run, train

WRITE = Callable[..., Path]
ENVIRONMENT = dict(os.environ)


def threaded(work: Callable[[], Any]) -> Any:
    """What ``work`` gives in a thread of its own, or raises there."""
    box: list[Any] = []

    def inside() -> None:
        try:
            box.append((work(), None))
        except BaseException as error:
            box.append((None, error))

    thread = threading.Thread(target=inside)
    thread.start()
    thread.join()
    value, error = box[0]
    if error is not None:
        raise error
    return value


def host() -> dict[str, object]:
    """What another thread of the host must find as it is while a training goes on."""
    return {
        "streams": (sys.stdout, sys.stderr),
        "warnings": ("ignore", None, Warning, None, 0) in warnings.filters,
        "levels": [logging.getLogger(name).level for name in (None, "nlu_kit", "torch.onnx", "transformers")],
        "logging": (logging.root.manager.disable, logging.root.handlers),
        "signals": [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)],
        "folder": Path.cwd(),
        "environment": {name: os.environ.get(name) for name in ENVIRONMENT},
    }


def chance() -> list[float]:
    """Another would be drawn where somebody has drawn, or set a seed."""
    states = random.getstate(), np.random.get_state(), torch.get_rng_state()
    drawn = [random.random(), float(np.random.random()), float(torch.rand(1))]
    random.setstate(states[0])
    np.random.set_state(states[1])
    torch.set_rng_state(states[2])
    return drawn


@pytest.mark.slow
def test_a_training_in_a_thread_leaves_the_process_as_it_was(
    write_pipeline: WRITE, tmp_path: Path, listen: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[dict[str, object]] = []
    listening = listen(at_epoch=lambda event: seen.append(host()))
    export = torch.onnx.export

    def watched(*arguments: Any, **named: Any) -> Any:
        seen.append(host())
        return export(*arguments, **named)

    monkeypatch.setattr(torch.onnx, "export", watched)
    own = Accelerator(cpu=True)
    threads = torch.get_num_threads()
    pipeline = write_pipeline(tmp_path, training={"epochs": 1, "export": True, "threads": threads + 1})
    before, drawn = host(), chance()
    result = threaded(lambda: train(pipeline, runs=tmp_path / "runs", callbacks=[listening]))
    assert (result.model_dir / "model.onnx").is_file(), result.notes
    assert len(seen) == 2
    for later in (*seen, host()):
        assert later == before
    assert chance() == drawn
    assert torch.get_num_threads() == threads
    assert own.state.__dict__ is AcceleratorState._shared_state, "accelerate is the host's again"
    assert own.device.type == "cpu"


def test_the_second_of_two_at_once_is_refused_and_the_first_is_right(
    write_pipeline: WRITE, tmp_path: Path, listen: Any
) -> None:
    heads = {"intent": "intent", "ner": "ner"}  # with dropout
    pipeline = write_pipeline(tmp_path, training={"epochs": 2}, heads=heads)
    reasons: list[str] = []

    def another(event: Any) -> None:
        for work in (
            lambda: train(pipeline, runs=tmp_path / "second"),
            lambda: pretrain(tmp_path / "pretrain.json"),
            lambda: resume_run(tmp_path),
            lambda: finish_run(tmp_path),
        ):
            for begin in (threaded, lambda work: work()):
                with pytest.raises(TrainingError) as caught:
                    begin(work)
                reasons.append(str(caught.value))

    whole = train(pipeline, runs=tmp_path / "whole")
    first = train(pipeline, runs=tmp_path / "first", callbacks=[listen(at_epoch=another)])
    assert len(reasons) == 2 * 8
    assert all(reason.startswith("another training goes on in this process") for reason in reasons)
    weights = [(run.model_dir / "model.safetensors").read_bytes() for run in (whole, first)]
    assert weights[0] == weights[1]
    assert not (tmp_path / "second").exists()


def test_what_failed_bars_no_other() -> None:
    with pytest.raises(ValueError, match="mine"), alone():
        raise ValueError("mine")
    with alone():
        pass


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_child_that_is_forked_meanwhile_may_train() -> None:
    with alone():
        child = os.fork()
        if child == 0:
            try:
                with alone():
                    os._exit(0)
            finally:
                os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
