"""What Prometheus reads: load, and what one needs to notice that users ask for something else than before."""

from __future__ import annotations

import os
from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from nlu_kit.data.prediction import Prediction

SHARED_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
_SHARES = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0]
_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0]


class Metrics:
    """Counted in each worker; where there are several, any of them tells all."""

    def __init__(self) -> None:
        own = CollectorRegistry()
        self._registry = own
        self.requests = Counter("nlu_kit_requests", "Requests, by path and status.", ["path", "status"], registry=own)
        self.seconds = Histogram(
            "nlu_kit_request_seconds", "How long requests took.", ["path"], buckets=_SECONDS, registry=own
        )
        self.waiting = Gauge("nlu_kit_queue_texts", "Texts that wait.", registry=own, multiprocess_mode="livesum")
        self.batches = Histogram(
            "nlu_kit_batch_texts", "Texts in a batch.", buckets=[1, 2, 4, 8, 16, 32, 64, 256], registry=own
        )
        self.intents = Counter("nlu_kit_intents", "Answers, by intent.", ["model", "intent"], registry=own)
        self.out_of_scope = Counter("nlu_kit_out_of_scope", "Answers out of scope.", ["model"], registry=own)
        self.confidence = Histogram(
            "nlu_kit_intent_confidence", "Confidence of the intent.", ["model"], buckets=_SHARES, registry=own
        )

    def answered(self, model: str, predictions: Iterable[Prediction]) -> None:
        """Count what was said."""
        for prediction in predictions:
            if prediction.out_of_scope:
                self.out_of_scope.labels(model).inc()
            if prediction.intent is not None:
                self.intents.labels(model, prediction.intent.name).inc()
                self.confidence.labels(model).observe(prediction.intent.confidence)

    def text(self) -> bytes:
        """In Prometheus' own format."""
        if SHARED_VARIABLE not in os.environ:
            return generate_latest(self._registry)
        everybody = CollectorRegistry()
        MultiProcessCollector(everybody)  # type: ignore[no-untyped-call]
        return generate_latest(everybody)
