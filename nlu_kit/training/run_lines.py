"""Events as lines of plain text, for the log and the terminal alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from nlu_kit.data.prediction import EntityPrediction, LabelPrediction
from nlu_kit.data.printable import one_line, printable
from nlu_kit.plugin.events import EpochEnd, RunEnd, RunStart, Sample


def run_start_lines(event: RunStart) -> list[str]:
    """Where it runs, on what, with which sampler."""
    sizes = ", ".join(f"{split} {count:,}" for split, count in event.examples.items())
    where = f"{event.device}, {event.precision}" + (f", {event.processes} processes" if event.processes > 1 else "")
    most = "at most " if event.selects else ""
    share = event.parameters["trainable"] / max(event.parameters["total"], 1)
    lines = [
        f"run       {event.run_dir}",
        f"data      {sizes} examples; {event.steps_per_epoch} steps an epoch, {most}{event.epochs} epochs",
        f"model     {event.parameters['total']:,} parameters, {share:.1%} of them training at first; on {where}",
    ]
    if event.resumed is not None:
        epoch, step = divmod(event.resumed, event.steps_per_epoch)
        lines.append(f"resumed   in epoch {epoch + 1}, after {step} of its {event.steps_per_epoch} steps")
    if event.out_of_scope:
        counts = ", ".join(f"{split} {count:,}" for split, count in event.out_of_scope.items())
        lines.append(f"scope     {counts} of these are out of scope: they train no intent, and tune the detector")
    if event.detector:
        lines.append(f"detector  {event.detector} watches {event.watched}")
    if event.sampler:
        lines.append("sampler   " + ", ".join(f"{key} {value:.3g}" for key, value in event.sampler.items()))
    return _printable(lines)


def warning_lines(event: RunStart, *, everything: bool = False) -> list[str]:
    """Each warning with the first of its places, or all of them, in lines of their own."""
    lines = []
    for warning in event.warnings:
        lines.append(f"warning   {warning.message}")
        places = warning.places if everything else warning.places[: warning.shown]
        lines += [f"    {place}" for place in places]
        if len(places) < len(warning.places):
            lines.append(f"    and {len(warning.places) - len(places):,} more, all of them in {event.run_dir}/log.txt")
    return _printable(lines)


def epoch_lines(event: EpochEnd) -> list[str]:
    """All that there is to say of an epoch."""
    return [*epoch_figures(event), *epoch_samples(event)]


def epoch_figures(event: EpochEnd) -> list[str]:
    """One line of figures, then its notes."""
    parts = ["loss " + " ".join(f"{head} {loss:.4f}" for head, loss in event.losses.items())]
    if event.dev:
        parts.append(f"dev {figures({name: event.dev[name] for name in event.main})}")
    if event.selects:
        best = "best so far" if event.improved else f"best {100 * event.best_score:.2f} in epoch {event.best_epoch + 1}"
        parts.append(f"score {100 * event.score:.2f} ({best})")
    lines = [
        f"epoch {event.epoch + 1}/{event.epochs}  {'  |  '.join(parts)}  {event.seconds:.1f}s  "
        f"{event.examples_per_second:.0f} examples/s"
    ]
    lines += [f"    note: {note}" for note in event.notes]
    return _printable(lines)


def epoch_samples(event: EpochEnd) -> list[str]:
    """The sanity print: a few dev utterances, decoded."""
    return _printable([line for sample in event.samples for line in sample_lines(sample)])


def run_end_lines(event: RunEnd) -> list[str]:
    """How it ended, and the figures of the best epoch."""
    best = f"best epoch {event.best_epoch + 1}; " if event.selects else ""
    lines = [
        f"{event.reason} after {event.epochs_run} epochs, {event.seconds:.0f}s; {best}"
        f"peak memory {event.peak_memory_mb:.0f} MB",
    ]
    if event.dev:
        lines.append(f"dev   {figures(event.dev)}")
    if event.test:
        lines.append(f"test  {figures(event.test)}")
    lines += [f"confidence on {split}  {figures(found)}" for split, found in event.confidence.items() if found]
    lines += [f"warning   {note}" for note in event.notes]
    return _printable([*lines, f"model {event.model_dir}"])


def _printable(lines: list[str]) -> list[str]:
    """A log is read on a terminal, too."""
    return [printable(line) for line in lines]


def figures(scores: Mapping[str, float]) -> str:
    """``intent.accuracy 97.50  ner.f1 91.20``: in percent."""
    return "  ".join(f"{name} {100 * value:.2f}" for name, value in scores.items())


def sample_lines(sample: Sample) -> list[str]:
    """A dev utterance: its text, then gold beside predicted, marked where they differ."""
    lines = [f"    {one_line(sample.prediction.text)}"]
    for field, gold in sample.gold.items():
        predicted = sample.prediction.fields[field]
        sign = "=" if _comparable(gold) == _comparable(predicted) else "≠"
        said = f"{sign} {field}: gold {shown(gold)} | predicted {shown(predicted)}"
        lines.append(f"      {one_line(said)}")
    return lines


def _comparable(value: Any) -> Any:
    """What must agree: everything but the confidence and what a plugin's dataclass leaves out of comparison. Offsets
    count, for the same words may occur twice."""
    if _labels(value):  # a set: predictions come by confidence, annotations as the corpus lists them
        return sorted(item.name for item in value)
    if isinstance(value, tuple):
        return tuple(_comparable(item) for item in value)
    if is_dataclass(value) and not isinstance(value, type):
        compared = [field.name for field in fields(value) if field.compare and field.name != "confidence"]
        return [_comparable(getattr(value, name)) for name in compared]
    return value


def shown(value: Any) -> str:
    """A field of a prediction or annotation in words."""
    if isinstance(value, LabelPrediction):
        return value.name
    if isinstance(value, tuple) and all(isinstance(item, EntityPrediction) for item in value):
        return ", ".join(f"[{entity.text}]{entity.label}" for entity in value) or "none"
    if _labels(value):
        return ", ".join(sorted(item.name for item in value))
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _labels(value: Any) -> bool:
    return isinstance(value, tuple) and bool(value) and all(isinstance(item, LabelPrediction) for item in value)
