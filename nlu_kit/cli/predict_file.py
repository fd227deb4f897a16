"""``nlu-kit predict --output``: a file of texts, answered into a file, with a bar on terminals."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import click
from tqdm import tqdm

from nlu_kit.cli.output import mention
from nlu_kit.model.folder import find_model
from nlu_kit.registry import Registry
from nlu_kit.runtime.bulk import GO_ON, Job, Progress, answer_file
from nlu_kit.runtime.machine import cores
from nlu_kit.runtime.predictor import load
from nlu_kit.runtime.rows import Row, about_how_many


def predict_file(
    *,
    rows: Callable[[], Iterator[Row]],
    source: Path,
    output: Path,
    errors: Path | None,
    model: Path,
    workers: int | None,
    resume: bool,
    overwrite: bool,
    options: Mapping[str, Any],
    registry: Registry,
) -> None:
    """Answer ``rows``, and say how many there were. Without ``workers``, as many as use every core that it may."""
    predictor = load(model, registry=registry, **options)
    job = Job(
        source=source,
        rows=rows,
        output=output,
        errors=errors,
        model=find_model(model),
        workers=workers or max(1, cores() // predictor.network.threads),
        **options,
    )
    began, bar = time.perf_counter(), _Bar(source)
    try:
        done = answer_file(job, predictor, resume=resume, overwrite=overwrite, watch=bar.show)
    except KeyboardInterrupt:
        raise click.Abort(GO_ON) from None
    finally:
        bar.close()
    seconds = time.perf_counter() - began
    answered = done.rows - bar.before
    mention(f"answered {answered - done.bad:,} texts in {seconds:.1f} s ({answered / seconds:,.0f} a second): {output}")
    if done.bad:
        mention(f"set aside {done.bad:,} that are wrong: {errors}")


def predict_on_ray(*, source: str, output: str, errors: str | None, model: Path, **how: Any) -> None:
    """Answer on a Ray cluster, and say how many there were."""
    from nlu_kit.runtime.ray_engine import RayJob, answer_on_ray

    began = time.perf_counter()
    found = find_model(model).resolve()
    done = answer_on_ray(RayJob(source=source, output=output, errors=errors, model=found, **how))
    seconds = time.perf_counter() - began
    mention(f"answered {done.rows - done.bad:,} texts in {seconds:.1f} s: {output}")
    if done.bad:
        mention(f"set aside {done.bad:,} that are wrong: {errors}")


class _Bar:
    """Rows, rate and time left; on stderr, where that is a terminal. ``before``: rows that were done already."""

    def __init__(self, source: Path) -> None:
        self.source, self.before = source, 0
        self.bar: Any = None

    def show(self, progress: Progress) -> None:
        if self.bar is None:
            self.before = progress.rows
            shown = sys.stderr is not None and sys.stderr.isatty()
            self.bar = tqdm(
                initial=progress.rows,
                total=about_how_many(self.source) if shown else None,
                unit=" texts",
                disable=not shown,
                dynamic_ncols=True,
                leave=False,
            )
        self.bar.update(progress.rows - self.bar.n)

    def close(self) -> None:
        if self.bar is not None:
            self.bar.close()
