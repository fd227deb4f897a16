"""From an order to batches."""

from __future__ import annotations

import numpy as np


def cut(order: np.ndarray, size: int) -> list[np.ndarray]:
    """Consecutive pieces of ``order`` [M], each of ``size`` indices but for a shorter last one."""
    return [order[start : start + size] for start in range(0, len(order), size)]
