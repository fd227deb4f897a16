"""What ``nlu-kit config show --parameters`` prints."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nlu_kit.training.layer_plan import EpochRange, ParameterPlan


def plan_lines(plan: ParameterPlan) -> list[str]:
    """Each range of epochs as a table of layers."""
    lines = ["learning rates are the strategy's, before warmup and schedule; a static layer never trains again"]
    if plan.plateau is None:
        return [*lines, *_tables(plan.ranges)]
    return [
        *lines,
        "this strategy looks at the dev score, which is not known before training",
        *_tables(plan.ranges, " while it sees no plateau"),
        *_tables(plan.plateau, " if the dev score never rises"),
    ]


def _tables(ranges: Sequence[EpochRange], assumed: str = "") -> list[str]:
    return [line for part in ranges for line in ("", *_table(part, epochs=ranges[-1].last + 1, assumed=assumed))]


def _table(part: EpochRange, *, epochs: int, assumed: str) -> list[str]:
    first, last = part.first + 1, part.last + 1
    which = f"epoch {first}" if first == last else f"epochs {first} to {last}"
    share = part.training / max(part.total, 1)
    header = f"{which} of {epochs}{assumed}: {part.training:,} of {part.total:,} parameters train ({share:.1%})"
    width = max((len(layer.name) for layer in part.layers), default=0)
    return [header, f"  {'layer':<{width}}  {'state':<6}  {'rate':>9}  {'parameters':>12}"] + [
        f"  {layer.name:<{width}}  {layer.state:<6}  {_rate(layer.rate):>9}  {layer.parameters:>12,}"
        for layer in part.layers
    ]


def _rate(rate: float | None) -> str:
    return "-" if rate is None else f"{rate:.3g}"
