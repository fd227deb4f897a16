"""Two models on the same utterances: which got better, which got worse, and whether that is more than luck."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

from nlu_kit import __version__
from nlu_kit.data.example import Example
from nlu_kit.data.prediction import OUT_OF_SCOPE
from nlu_kit.errors import DataError, ModelError
from nlu_kit.evaluation.figures import mcnemar, paired
from nlu_kit.evaluation.mistakes import plain
from nlu_kit.evaluation.predictions import PredictionSet
from nlu_kit.model.score import EXACT_MATCH, main_metrics, measure

BETTER, WORSE, MIXED = "better", "worse", "mixed"
ENTIRELY_RIGHT = "entirely_right"
"""Exact match and, where both models have a detector, its verdict: what tells better from worse utterances."""

Verdicts = Sequence[bool | None]


def compare(
    first: PredictionSet,
    second: PredictionSet,
    *,
    models: tuple[str, str],
    data: str,
    out_of_scope: tuple[Collection[str], Collection[str]] = ((), ()),
) -> dict[str, Any]:
    """What diff.json holds. Heads of the same name are compared, and exact match is over these.

    ``out_of_scope`` are the intents that each model's pipeline calls so, for a note where they differ. Raises
    ModelError where the models have no head in common, DataError where no utterance is annotated for one.
    """
    heads = [name for name in first.codecs if name in second.codecs]
    if not heads:
        sides = " and ".join(
            f"{model} ({', '.join(p.codecs)})" for model, p in zip(models, (first, second), strict=True)
        )
        raise ModelError(f"the models have no head of the same name: {sides}")
    verdicts: list[dict[str, Verdicts]] = [{head: _matches(part, head) for head in heads} for part in (first, second)]
    exact = [_all_right(side) for side in verdicts]
    pairs: dict[str, tuple[Verdicts, Verdicts]] = {EXACT_MATCH: (exact[0], exact[1])}
    entirely = exact
    if first.watched is not None and second.watched is not None:
        # Exact match is over heads, here as everywhere; but the right label of a text that is rejected helps nobody.
        for side, part in zip(verdicts, (first, second), strict=True):
            side[OUT_OF_SCOPE] = _in_or_out(part)
        entirely = [_all_right(side) for side in verdicts]
        pairs[ENTIRELY_RIGHT] = (entirely[0], entirely[1])
    if all(match is None for match in entirely[0]):
        raise DataError(f"no example of {data} is annotated for a head of both models ({', '.join(heads)})")
    changes = _changes(first, second, verdicts, entirely)
    pairs |= {head: (verdicts[0][head], verdicts[1][head]) for head in verdicts[0]}
    return {
        "format": 1,
        "nlu_kit": __version__,
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "models": list(models),
        "data": data,
        "utterances": len(first.examples),
        "figures": _figures(first, second, heads),
        "right": {name: _counts(*pair) for name, pair in pairs.items()},
        "changes": changes,
        "notes": [*_notes(first, second, models), *_scope_notes(first, second, models, out_of_scope)],
        "gate": None,
    }


def gate(summary: Mapping[str, Any], most: int) -> dict[str, Any]:
    """Whether at most so many utterances that were entirely right no longer are, which is where both models have a
    detector with its verdict."""
    found = summary["right"].get(ENTIRELY_RIGHT, summary["right"][EXACT_MATCH])[WORSE]
    return {"max_regressions": most, "regressions": found, "passed": found <= most}


def _matches(part: PredictionSet, head: str) -> list[bool | None]:
    codec = part.codecs[head]
    found = [codec.matches(example, fields) for example, fields in zip(part.examples, part.fields, strict=True)]
    return [None if match is None else bool(match) for match in found]


def _in_or_out(part: PredictionSet) -> list[bool | None]:
    """Whether the detector is right; None where nobody said whether the utterance is in scope or out of it."""
    codec = part.codecs[part.watched or ""]
    return [
        bool(fields[OUT_OF_SCOPE]) == example.out_of_scope
        if example.out_of_scope or codec.gold(example) is not None
        else None
        for example, fields in zip(part.examples, part.fields, strict=True)
    ]


def _all_right(verdicts: Mapping[str, Verdicts]) -> list[bool | None]:
    """Whether everything that is annotated is right."""
    rows = [[match for match in row if match is not None] for row in zip(*verdicts.values(), strict=True)]
    return [all(row) if row else None for row in rows]


def _figures(first: PredictionSet, second: PredictionSet, heads: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Every figure that both models have; ``test`` where it is a ratio of counts."""
    codecs = {head: first.codecs[head] for head in heads}
    before = measure(codecs, first.examples, first.predictions)
    after = measure({head: second.codecs[head] for head in heads}, second.examples, second.predictions)
    values = {name: (value, after.figures[name]) for name, value in before.figures.items() if name in after.figures}
    main = [name for name in main_metrics(codecs) if name in values]
    tests = paired(before.counts, after.counts)
    order = [*main, *(name for name in values if name not in main)]
    return {name: {"first": values[name][0], "second": values[name][1], "test": tests.get(name)} for name in order}


def _counts(first: Verdicts, second: Verdicts) -> dict[str, Any]:
    pairs = [(a, b) for a, b in zip(first, second, strict=True) if a is not None and b is not None]
    better, worse = pairs.count((False, True)), pairs.count((True, False))
    return {
        "annotated": len(pairs),
        BETTER: better,
        WORSE: worse,
        "both_right": pairs.count((True, True)),
        "both_wrong": pairs.count((False, False)),
        "p": mcnemar(better, worse),
    }


def _change(first: bool | None, second: bool | None) -> str | None:
    return None if first is None or second is None or first == second else BETTER if second else WORSE


def _changes(
    first: PredictionSet,
    second: PredictionSet,
    verdicts: Sequence[Mapping[str, Verdicts]],
    entirely: Sequence[Verdicts],
) -> list[dict[str, Any]]:
    """Worse ones first, then those where something changed but not whether all is right, then better ones; among each,
    those first in which the model that is wrong was most sure."""
    found = []
    for position, example in enumerate(first.examples):
        heads = {
            head: change
            for head in verdicts[0]
            if (change := _change(verdicts[0][head][position], verdicts[1][head][position])) is not None
        }
        if heads:
            change = _change(entirely[0][position], entirely[1][position]) or MIXED
            found.append(_record(example, position, first, second, list(verdicts[0]), heads, change))
    order = (WORSE, MIXED, BETTER)
    return sorted(found, key=lambda one: (order.index(one["change"]), -(one["confidence"] or 0.0)))


def _record(
    example: Example,
    position: int,
    first: PredictionSet,
    second: PredictionSet,
    heads: Sequence[str],
    changed: Mapping[str, str],
    change: str,
) -> dict[str, Any]:
    gold: dict[str, Any] = {}
    confidences = []
    if OUT_OF_SCOPE in changed:
        gold[OUT_OF_SCOPE] = example.out_of_scope
    for head in heads:
        if head == OUT_OF_SCOPE:
            continue
        gold |= first.codecs[head].gold(example) or {}
        for part in (first, second):
            pairs = part.codecs[head].confidence_pairs(example, part.predictions[position].fields)
            confidences += [float(confidence) for confidence, right in pairs if not right]
    sides = [part.predictions[position].fields for part in (first, second)]
    before, after = ({field: side[field] for field in gold if field in side} for side in sides)
    return {
        "text": example.text,
        "source": example.source,
        "change": change,
        "heads": dict(changed),
        "confidence": max(confidences, default=None),
        "gold": plain(gold),
        "first": plain(before),
        "second": plain(after),
    }


def _notes(first: PredictionSet, second: PredictionSet, models: tuple[str, str]) -> list[str]:
    notes = []
    for model, own, other in zip(models, (first, second), (second, first), strict=True):
        alone = [name for name in own.codecs if name not in other.codecs]
        if alone:
            notes.append(f"Only {model} has the heads {', '.join(alone)}: they are not compared.")
    return notes


def _scope_notes(
    first: PredictionSet, second: PredictionSet, models: tuple[str, str], names: tuple[Collection[str], Collection[str]]
) -> list[str]:
    notes = []
    if (first.watched is None) != (second.watched is None):
        able = models[0] if second.watched is None else models[1]
        notes.append(f"Only {able} has a detector: what it rejects is not compared.")
    if set(names[0]) != set(names[1]):
        sides = " and ".join(
            f"{', '.join(sorted(own)) or 'none'} for {model}" for model, own in zip(models, names, strict=True)
        )
        notes.append(
            f"Other intents are out of scope for one model than for the other ({sides}): here, all of these are."
        )
    return notes
