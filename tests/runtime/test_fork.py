"""A server loads the model, then forks its workers: they answer."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")

PROGRAM = """
import multiprocessing, os, sys
import torch, nlu_kit

torch.set_num_threads(2)
model = nlu_kit.load(sys.argv[1])
TEXTS = ["play some jazz", "book a table in Rome"] * 100
EXPECTED = [prediction.intent.name for prediction in model.parse_many(TEXTS)]  # starts the threads of both libraries

def answer(_=None):
    return [prediction.intent.name for prediction in model.parse_many(TEXTS)] == EXPECTED

def fork(job):
    child = os.fork()
    if child == 0:
        os._exit(0 if job() else 1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0

assert fork(answer), "a child"
assert fork(lambda: fork(answer)), "a child's child"
with multiprocessing.get_context("fork").Pool(2) as pool:
    assert pool.map(answer, range(4)) == [True] * 4
assert torch.get_num_threads() == 2 and answer(), "the parent stays as it was"
print(os.environ.get("TOKENIZERS_PARALLELISM"))
"""


@pytest.mark.parametrize("said", [None, "true"])
def test_forked_children_predict(trained: Any, said: str | None) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "TOKENIZERS_PARALLELISM"}
    environment |= {"OMP_NUM_THREADS": "2", **({"TOKENIZERS_PARALLELISM": said} if said else {})}
    command = [sys.executable, "-c", PROGRAM, str(trained.model_dir)]
    # Children that hang hold its stdout: the deadline ends the whole group.
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            stdout, stderr = process.communicate(timeout=150)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            pytest.fail("a forked child hangs")
    assert process.returncode == 0, stderr
    assert (stdout, stderr) == (f"{said}\n", "")
