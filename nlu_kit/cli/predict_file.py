"""``nlu-kit predict --output``: a file of texts, answered into a file, with a bar on terminals."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import click
from tqdm import tqdm

from nlu_kit.cli.output import mention, warn
from nlu_kit.model.folder import find_model
from nlu_kit.registry import Registry
from nlu_kit.runtime.bulk import Job, answer_file
from nlu_kit.runtime.bulk_progress import Progress
from nlu_kit.runtime.machine import cores
from nlu_kit.runtime.outputs import STDOUT, check_outputs, outputs_of
from nlu_kit.runtime.predictor import load
from nlu_kit.runtime.rows import Row, about_how_many


def predict_file(
    *,
    rows: Callable[[], Iterator[Row]],
    source: Path,
    output: Path,
    errors: Path | None,
    reading: Mapping[str, Any],
    model: Path,
    workers: int | None,
    resume: bool,
    overwrite: bool,
    options: Mapping[str, Any],
    registry: Registry,
) -> None:
    """Answer ``rows``, and say how many there were: on stderr, where the answers are on stdout. Without ``workers``, as
    many as use every core that it may."""
    check_outputs(outputs_of(output, errors), source)  # before a model is loaded
    predictor = load(model, registry=registry, **options)
    job = Job(
        source=source,
        rows=rows,
        output=output,
        errors=errors,
        reading=reading,
        model=find_model(model),
        workers=workers or max(1, cores() // predictor.network.threads),
        **options,
    )
    began, bar = time.perf_counter(), _Bar(source)
    try:
        done = answer_file(job, predictor, resume=resume, overwrite=overwrite, watch=bar.show)
    except KeyboardInterrupt:
        raise click.Abort(job.ended_early) from None
    finally:
        bar.close()
    seconds = time.perf_counter() - began
    tell = warn if STDOUT in (output, errors) else mention
    answered = done.rows - done.bad
    before = f", {bar.answered_before:,} of them before," if bar.answered_before else ""
    rate = (answered - bar.answered_before) / seconds
    tell(f"answered {answered:,} texts{before} in {seconds:.1f} s ({rate:,.0f} a second): {output}")
    if done.bad:
        tell(f"set aside {done.bad:,} that are wrong: {errors}")


def predict_on_ray(*, source: str, output: str, errors: str | None, model: Path, **how: Any) -> None:
    """Answer on a Ray cluster, and say how many there were."""
    from nlu_kit.runtime.ray_engine import RayJob, answer_on_ray

    began = time.perf_counter()
    done = answer_on_ray(RayJob(source=source, output=output, errors=errors, model=model, **how))
    seconds = time.perf_counter() - began
    mention(f"answered {done.rows - done.bad:,} texts in {seconds:.1f} s: {output}")
    if done.left_out:
        names = ", ".join(done.left_out[:10]) + (", …" if len(done.left_out) > 10 else "")
        warn(f"warning: left out {len(done.left_out):,} files that are called like no texts: {names}")
    if done.bad:
        mention(f"set aside {done.bad:,} that are wrong: {errors}")


class _Bar:
    """Rows, rate and time left; on stderr, where that is a terminal. ``answered_before``: texts that had
    their answers already."""

    def __init__(self, source: Path) -> None:
        self.source, self.answered_before = source, 0
        self.bar: Any = None

    def show(self, progress: Progress) -> None:
        if self.bar is None:
            self.answered_before = progress.rows - progress.bad
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
