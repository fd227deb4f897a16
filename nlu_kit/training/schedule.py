"""How far the learning rates have fallen: a pure function of the step."""

from __future__ import annotations

import math


def schedule_factor(step: int, *, total: int, warmup: int, kind: str) -> float:
    """Multiplier in [0, 1] for optimiser step ``step`` (from 0) of ``total``.

    Rises linearly over ``warmup`` steps, then falls to 0 by a half cosine (SGDR without restarts, Loshchilov & Hutter
    2017) or linearly, or stays at 1.
    """
    if step < warmup:
        return (step + 1) / warmup
    progress = min((step - warmup) / max(total - warmup, 1), 1.0)
    if kind == "cosine":
        return 0.5 * (1.0 + math.cos(math.pi * progress))
    return 1.0 - progress if kind == "linear" else 1.0
