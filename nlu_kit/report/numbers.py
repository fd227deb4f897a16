"""How figures and tables of them are written, the same in the terminal and on the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def percent(value: float) -> str:
    """``97.50`` for 0.975."""
    return f"{100 * value:.2f}"


def points(value: float) -> str:
    """A difference in percentage points, with its sign: ``+1.20``, ``−0.30``."""
    text = f"{100 * value:+.2f}"
    return text.replace("-", "−") if float(text) else "0.00"


def p_value(p: float) -> str:
    """``.012``, ``<.001``, ``1.000``."""
    if p < 0.001:
        return "<.001"
    return f"{p:.3f}".removeprefix("0")


def seconds(value: float) -> str:
    """``42s``, ``3m 20s``, ``1h 05m``."""
    whole = round(value)
    if whole < 60:
        return f"{value:.1f}s" if value < 10 else f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m {whole % 60:02d}s"
    minutes = round(value / 60)
    return f"{minutes // 60}h {minutes % 60:02d}m"


def megabytes(value: float) -> str:
    return f"{value:,.0f} MB"


def epochs(value: float) -> str:
    """A mean of epochs: ``7``, ``7.3``."""
    return f"{value:.1f}".removesuffix(".0")


def mean_sd(spread: Mapping[str, Any]) -> str:
    """``97.50 ± 0.35``; the mean alone for a single seed."""
    return percent(spread["mean"]) + ("" if spread["sd"] is None else f" ± {percent(spread['sd'])}")


def columns(names: Sequence[str] | None, rows: Sequence[Sequence[str]]) -> list[str]:
    """Aligned: the first column to the left, the others to the right."""
    everything = [*([] if names is None else [names]), *rows]
    widths = [max(len(cell) for cell in column) for column in zip(*everything, strict=True)]
    return [
        "  ".join(cell.rjust(w) if i else cell.ljust(w) for i, (cell, w) in enumerate(zip(row, widths, strict=True)))
        for row in everything
    ]
