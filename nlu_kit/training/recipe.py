"""Other defaults where there are few examples a label. What the pipeline sets itself stays as it is.

With a handful of examples, a classifier that begins at random makes the encoder's vectors worse before it knows what
it wants. So heads that can begin at a fit on the vectors as they are, with the labels' names as further examples. Where
all heads do, the encoder follows gently and for a few epochs (Kumar et al. 2022, "Fine-Tuning can Distort Pretrained
Features and Underperform Out-of-Distribution"). Beside a head that begins at random, as those for entities do, it must
move further in the few steps that there are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import median
from typing import Any

from pydantic import ValidationError

from nlu_kit.config.pipeline import Pipeline, Resolved
from nlu_kit.data.example import Example
from nlu_kit.heads.codec import Codecs

FEW = 50
"""Examples a label, in the middle, up to which a head has few. With so many, these defaults were still better than the
usual ones: on CLINC150 without entities, on the starter corpus with them (docs/accuracy.md)."""
WARMUP: Mapping[str, Any] = {"warmup": 0.1}
GENTLE: Mapping[str, Any] = {"epochs": 5, **WARMUP}
ONE_EACH: Mapping[str, Any] = {"epochs": 20, **WARMUP}
"""With a single example a label: more epochs find entities that are none."""


def with_recipe(pipeline: Pipeline, codecs: Codecs, train: Sequence[Example]) -> tuple[Pipeline, list[str]]:
    """The pipeline with the defaults that suit its examples, and what to say of it. ``codecs`` have their labels."""
    few = {} if pipeline.recipe == "standard" else _few(pipeline, codecs, train)
    if not few:
        return pipeline, []
    settled = {
        name: _with_defaults(entry.head, "few_examples") for name, entry in pipeline.heads.items() if name in few
    }
    heads = {
        name: replace(entry, head=settled[name][0]) if name in few else entry for name, entry in pipeline.heads.items()
    }
    changed = [f"heads.{name}.{setting}" for name, (_, settings) in settled.items() for setting in settings]
    gently = all(_begins(entry.head) for entry in heads.values())
    wanted = GENTLE if gently else ONE_EACH if min(few.values()) <= 1 else WARMUP
    training = {key: value for key, value in wanted.items() if key not in pipeline.training.model_fields_set}
    changed += [f"training.{key}={value}" for key, value in training.items()]
    freezing, settings = _with_defaults(pipeline.freezing, "few_examples" if gently else "few_examples_at_random")
    changed += [f"freezing.{setting}" for setting in settings]
    if not changed:
        return pipeline, []
    why = ", ".join(f"'{name}' has {count:g} examples a label" for name, count in few.items())
    message = (
        f"recipe few_examples, since {why}: {', '.join(changed)}; what the pipeline sets wins, recipe=standard is none"
    )
    trained = pipeline.training.model_copy(update=training)
    return replace(pipeline, heads=heads, freezing=freezing, training=trained), [message]


def _few(pipeline: Pipeline, codecs: Codecs, train: Sequence[Example]) -> dict[str, float]:
    """By head, how many examples a label has in the middle, where that is few, or few are asked for."""
    middle: dict[str, float] = {}
    for name, codec in codecs.items():
        counts = Counter(label for example in train for label in codec.labels_of(example))
        middle[name] = median(counts.values()) if counts else 0.0
    return {name: count for name, count in middle.items() if pipeline.recipe == "few_examples" or count <= FEW}


def _begins(head: Resolved) -> bool:
    spec: Any = head.provided.spec
    return bool(spec.begins_at_fit(head.params))


def _with_defaults(component: Resolved, which: str) -> tuple[Resolved, list[str]]:
    """The component with ``which`` defaults of its spec, and those of them that the pipeline has not set itself."""
    defaults: Mapping[str, Any] = getattr(component.provided.spec, which)
    params = component.params
    settings = {key: value for key, value in defaults.items() if key not in params.model_fields_set}
    if not settings:
        return component, []
    try:
        merged = type(params).model_validate({**params.model_dump(exclude_unset=True), **settings})
    except ValidationError:  # what the pipeline sets does not go with it, such as a hidden layer
        return component, []
    return replace(component, params=merged), [f"{key}={value}" for key, value in settings.items()]
