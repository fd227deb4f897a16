"""Requests meet the model: a bounded queue, and one thread that takes what is waiting as one batch.

onnxruntime gains from batches where several requests wait anyway; waiting for more (``max_wait_ms``) is for those who
measured that it pays.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from nlu_kit.data.prediction import Prediction

Parse = Callable[[Sequence[str]], list[Prediction]]


class FullError(Exception):
    """There is no room in the queue."""


@dataclass(slots=True, eq=False)
class _Job:
    texts: Sequence[str]
    answer: Future[list[Prediction]] = field(default_factory=Future)


class Batcher:
    """``submit`` texts, and wait for the answer."""

    def __init__(self, parse: Parse, *, size: int, wait: float, most: int, batch: Callable[[int], None]) -> None:
        """At most ``most`` texts wait; ``size`` texts go through together, and ``wait`` seconds may pass until there
        are so many. ``batch`` is told how many it were."""
        self.parse, self.size, self.wait, self.most, self.told = parse, size, wait, most, batch
        self._jobs: deque[_Job] = deque()
        self._waiting = 0
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="nlu-kit-batches", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """How many texts wait."""
        return self._waiting

    def submit(self, texts: Sequence[str]) -> Future[list[Prediction]]:
        """Raises FullError where too many wait. One request alone may have more than that: it waits for nobody."""
        job = _Job(texts)
        with self._changed:
            if self._jobs and self._waiting + len(texts) > self.most:
                raise FullError
            self._jobs.append(job)
            self._waiting += len(texts)
            self._changed.notify()
        return job.answer

    def close(self) -> None:
        """Answer what waits, then end."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _work(self) -> None:
        while jobs := self._next():
            texts = [text for job in jobs for text in job.texts]
            self.told(len(texts))
            try:
                found = self.parse(texts)
            except Exception:  # noqa: BLE001 - whoever's text it was: the others are answered
                for job in jobs:
                    self._alone(job)
                continue
            start = 0
            for job in jobs:
                job.answer.set_result(found[start : start + len(job.texts)])
                start += len(job.texts)

    def _alone(self, job: _Job) -> None:
        try:
            job.answer.set_result(self.parse(job.texts))
        except Exception as error:  # noqa: BLE001 - it is raised where the answer is awaited
            job.answer.set_exception(error)

    def _next(self) -> list[_Job]:
        """Jobs for one batch, as soon as there are some; none when it is closed. What was cancelled is passed over."""
        with self._changed:
            while True:
                self._changed.wait_for(lambda: self._jobs or self._closed)
                if not self._jobs:
                    return []
                if self.wait:
                    ends = time.monotonic() + self.wait
                    while self._waiting < self.size and not self._closed and (left := ends - time.monotonic()) > 0:
                        self._changed.wait(left)
                taken: list[_Job] = []
                count = 0
                while self._jobs and (not taken or count + len(self._jobs[0].texts) <= self.size):
                    job = self._jobs.popleft()
                    self._waiting -= len(job.texts)
                    if job.answer.set_running_or_notify_cancel():
                        taken.append(job)
                        count += len(job.texts)
                if taken:
                    return taken
