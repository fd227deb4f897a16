"""What one worker's routes share."""

from __future__ import annotations

from dataclasses import dataclass

from nlu_kit.serve.metrics import Metrics
from nlu_kit.serve.models import Models
from nlu_kit.serve.settings import ServeSettings


@dataclass
class State:
    """Of one worker."""

    settings: ServeSettings
    metrics: Metrics
    models: Models
    token: str | None
    draining: bool = False
