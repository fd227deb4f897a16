"""From a pipeline to label spaces and codecs. No torch: every runtime builds codecs with this."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from nlu_kit.config.pipeline import Pipeline, Resolved, ResolvedHead, made, reading_order, watchable
from nlu_kit.data.example import Example
from nlu_kit.data.labels import LabelSpace
from nlu_kit.data.prediction import OUT_OF_SCOPE, OUT_OF_SCOPE_SCORE
from nlu_kit.errors import ConfigError, DataError, NothingToLearnError, PluginError, Problem
from nlu_kit.heads.codec import Codec, CodecContext

MOST_LABELS = 10_000
"""Of one head. Far more than anybody tells apart; as many as a column of identifiers soon has."""


@dataclass(frozen=True, slots=True)
class FittedHeads:
    """Each head's label space, and the pipeline with just these heads; ``left_out`` says why others are missing."""

    pipeline: Pipeline
    labels: Mapping[str, LabelSpace]
    left_out: Mapping[str, str]


def fit_heads(pipeline: Pipeline, train: Sequence[Example]) -> FittedHeads:
    """Label spaces from train only (empty for a head without classes).

    Heads that the pipeline has because it names none are left out where train has nothing for them, and a detector that
    it has by default goes with the last head that it could watch. Raises DataError where a head that is named finds
    nothing to learn, or what it can't.
    """
    labels: dict[str, LabelSpace] = {}
    idle: dict[str, str] = {}
    for name, entry in pipeline.heads.items():
        try:
            labels[name] = make_codec(entry.head, name, LabelSpace(())).fit_labels(train)
        except NothingToLearnError as error:
            idle[name] = str(error)
        except DataError as error:
            hint = f"mend the training data, or remove heads.{name} from the pipeline"
            raise DataError(f"the head '{name}' can't learn from this: {error}; {hint}") from error
        if len(labels.get(name, ())) > MOST_LABELS:
            raise DataError(_too_many(name, labels[name], train))
    if not idle:
        return FittedHeads(pipeline, labels, {})
    kept = {name: pipeline.heads[name] for name in labels}
    if not kept or "heads" not in pipeline.implied:
        name, why = next(iter(idle.items()))
        without = f", or leave heads.{name} out of the pipeline: {_section(kept)}" if kept else ""
        raise DataError(f"the head '{name}' can't learn from this: {why}; annotate some{without}")
    head = pipeline.training.monitor.partition(".")[0]
    if head in idle:
        raise DataError(f"training.monitor is '{pipeline.training.monitor}', but {idle[head]}")
    detector = pipeline.detector
    if not watchable(kept) and "detector" in pipeline.implied:
        detector = None
    elif pipeline.detector is not None and pipeline.watched in idle:
        raise DataError(f"the detector watches the head '{pipeline.watched}', but {idle[pipeline.watched]}")
    return FittedHeads(replace(pipeline, heads=kept, detector=detector), labels, idle)


def _section(heads: Mapping[str, ResolvedHead]) -> str:
    """``"heads": {"intent": "intent"}``: what to write for these, as far as it is known."""
    return '"heads": {' + ", ".join(f'"{name}": "{entry.head.type}"' for name, entry in heads.items()) + "}"


def _too_many(name: str, labels: LabelSpace, train: Sequence[Example]) -> str:
    shown = ", ".join(repr(label) for label in labels.names[:3])
    return (
        f"the head '{name}' would have {len(labels):,} labels for {len(train):,} examples (such as {shown}), and "
        f"{MOST_LABELS:,} is the most; does its field hold identifiers or texts in place of labels?"
    )


def build_codecs(
    heads: Mapping[str, Resolved],
    labels: Mapping[str, LabelSpace],
    states: Mapping[str, Mapping[str, Any]] | None = None,
) -> dict[str, Codec[Any]]:
    """The torch-free half of every head, each after those that it reads. Raises ConfigError where two heads fill the
    same field of a prediction, PluginError where a codec does not read what its spec says."""
    codecs: dict[str, Codec[Any]] = {}
    owners: dict[str, str] = {"text": "the text itself", "truncated": "the truncation flag"}
    owners |= dict.fromkeys((OUT_OF_SCOPE, OUT_OF_SCOPE_SCORE), "the detector")
    reads = {name: tuple(_spec(head).reads(head.params)) for name, head in heads.items()}
    for name in reading_order(reads):
        head = heads[name]
        codecs[name] = make_codec(head, name, labels[name], (states or {}).get(name, {}))
        if tuple(codecs[name].reads) != reads[name]:
            said = f"its spec says that it reads {list(reads[name])}, its codec {list(codecs[name].reads)}"
            raise PluginError(f"contract: the head '{head.type}': {said}; set `reads` of the codec to `context.reads`")
        for field in codecs[name].fields:
            if field in owners:
                hint = f"give heads.{name} another 'field'"
                raise ConfigError([Problem(f"heads.{name}", f"fills '{field}', as does {owners[field]}", hint)])
            owners[field] = f"heads.{name}"
    return codecs


def make_codec(
    head: Resolved, name: str, labels: LabelSpace, state: Mapping[str, Any] = MappingProxyType({})
) -> Codec[Any]:
    """One codec; with empty ``labels``, one that can only fit them. Raises PluginError for a class that lacks a
    method."""
    spec = _spec(head)
    context = CodecContext(name=name, labels=labels, state=state, reads=tuple(spec.reads(head.params)))
    codec: Codec[Any] = made(head.provided, spec.codec, head.params, context)
    return codec


def _spec(resolved: Resolved) -> Any:
    return resolved.provided.spec
