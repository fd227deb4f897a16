"""Other defaults where there are few examples a label. What the pipeline sets itself stays as it is.

With a handful of examples, a classifier that begins at random makes the encoder's vectors worse before it knows what it
wants. So heads that can begin at a fit on the vectors as they are, with the labels' names as further examples, and the
encoder follows gently and for a few epochs (Kumar et al. 2022, "Fine-Tuning can Distort Pretrained Features and
Underperform Out-of-Distribution").
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

FEW, FEW_ALONE = 15, 50
"""Examples a label, in the middle, below which a head has few. The second is for pipelines in which no head begins at
random: with so many, the gentle epochs were still better than the usual ones on CLINC150 (docs/accuracy.md)."""
TRAINING: Mapping[str, Any] = {"epochs": 5, "warmup": 0.1}


def with_recipe(pipeline: Pipeline, codecs: Codecs, train: Sequence[Example]) -> tuple[Pipeline, list[str]]:
    """The pipeline with the defaults that suit its examples, and what to say of it. ``codecs`` have their labels."""
    alone = all(entry.head.provided.spec.few_examples for entry in pipeline.heads.values())  # type: ignore[attr-defined]
    border = FEW_ALONE if alone else FEW
    few = {name: found for name in codecs if (found := _few(pipeline, name, codecs, train, border)) is not None}
    if not few:
        return pipeline, []
    heads = dict(pipeline.heads)
    changed: list[str] = []
    begun: set[str] = set()
    for name in few:
        head, settings = _with_defaults(heads[name].head)
        heads[name] = replace(heads[name], head=head)
        changed += [f"heads.{name}.{setting}" for setting in settings]
        begun |= {name} if settings else set()
    training: dict[str, Any] = {}
    freezing = pipeline.freezing
    if begun == set(heads):  # one that begins at random, such as for entities, needs its epochs
        training = {key: value for key, value in TRAINING.items() if key not in pipeline.training.model_fields_set}
        changed += [f"training.{key}={value}" for key, value in training.items()]
        freezing, settings = _with_defaults(freezing)
        changed += [f"freezing.{setting}" for setting in settings]
    if not changed:
        return pipeline, []
    why = ", ".join(f"'{name}' has {count:g} examples a label" for name, count in few.items())
    said = (
        f"recipe few_examples, since {why}: {', '.join(changed)}; what the pipeline sets wins, recipe=standard is none"
    )
    settled = pipeline.training.model_copy(update=training)
    return replace(pipeline, heads=heads, freezing=freezing, training=settled), [said]


def _few(pipeline: Pipeline, name: str, codecs: Codecs, train: Sequence[Example], border: int) -> float | None:
    """How many examples a label of this head has in the middle, where that is below ``border``, and the head minds;
    else None."""
    spec: Any = pipeline.heads[name].head.provided.spec
    if not spec.few_examples or pipeline.recipe == "standard":
        return None
    golds = [gold for example in train if (gold := codecs[name].gold(example)) is not None]
    counts = Counter(value.name for gold in golds for value in gold.values() if hasattr(value, "name"))
    found = median(counts.values()) if counts else 0.0
    return found if pipeline.recipe == "few_examples" or found < border else None


def _with_defaults(component: Resolved) -> tuple[Resolved, list[str]]:
    """The component with its defaults for few examples, and which of them the pipeline has not set itself."""
    spec: Any = component.provided.spec
    params = component.params
    settings = {key: value for key, value in spec.few_examples.items() if key not in params.model_fields_set}
    if not settings:
        return component, []
    try:
        merged = type(params).model_validate({**params.model_dump(exclude_unset=True), **settings})
    except ValidationError:  # what the pipeline sets does not go with it, such as a hidden layer
        return component, []
    return replace(component, params=merged), [f"{key}={value}" for key, value in settings.items()]
