"""Options that several commands share."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path

import click

from nlu_kit.cli.output import warn
from nlu_kit.registry import Registry

pipeline_argument = click.argument(
    "pipeline", type=click.Path(path_type=Path), default=Path("pipeline.json"), required=False
)

set_option = click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="PATH=VALUE",
    help="Override a setting, such as training.epochs=3. Repeatable.",
)

_DEVICE = re.compile(r"cpu|mps|cuda(:\d+)?")


def _device(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    """Checked here, because torch accepts devices on which nothing can be computed (``meta``)."""
    if not _DEVICE.fullmatch(value):
        raise click.BadParameter(f"'{value}' is none of cpu, cuda, cuda:0 (and further numbers), mps")
    return value


device_option = click.option(
    "--device", default="cpu", show_default=True, callback=_device, help="Where to run: cpu, cuda, cuda:N or mps."
)


def finite(_context: click.Context, _parameter: click.Parameter, value: float | None) -> float | None:
    """Python reads 'nan' and 'inf' as numbers, too; against these no score means anything."""
    if value is not None and not math.isfinite(value):
        raise click.BadParameter(f"{value} is not a finite number")
    return value


threshold_option = click.option(
    "--threshold", type=float, metavar="SCORE", callback=finite,
    help="Scores above it are out of scope. By default, the model's own threshold.",
)  # fmt: skip


runtime_option = click.option(
    "--runtime", type=click.Choice(["auto", "onnx", "torch"]), default="auto", show_default=True,
    help="What runs the network. auto: onnx where the model has a graph and runs on the CPU, else torch.",
)  # fmt: skip


_SHOWN = {
    "pipeline": "PIPELINE",
    "file": "FILE",
    "overrides": "--set",
    "runs": "--runs",
    "resumed": "--resume",
    "force": "--force",
    "inspect": "--inspect",
}


def refuse_beside(context: click.Context, option: str, others: Sequence[str]) -> None:
    """Raises UsageError where one of the other parameters was given, too: a run that there is has its own pipeline."""
    for name in others:
        source = context.get_parameter_source(name)
        if source is not None and source.name not in ("DEFAULT", "DEFAULT_MAP"):
            raise click.UsageError(f"{_SHOWN[name]} does not go with {option}: the run has its own pipeline", context)


def load_registry() -> Registry:
    """All that is installed; a plugin that failed to load is reported on stderr, and the rest go on."""
    registry = Registry.load()
    for failure in registry.failures:
        where = f"'{failure.plugin}' of {failure.distribution} {failure.version}"
        warn(f"warning: the plugin {where} failed to load: {failure.error}")
    return registry
