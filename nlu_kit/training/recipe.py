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
    settled = {name: _with_defaults(entry.head) for name, entry in pipeline.heads.items()}
    begun = {name for name, (head, _) in settled.items() if _begins(head)}
    border = FEW_ALONE if begun == set(settled) else FEW
    few = {
        name: found
        for name, (_, settings) in settled.items()
        if (settings or name in begun) and (found := _few(pipeline, name, codecs, train, border)) is not None
    }
    if not few:
        return pipeline, []
    heads = {
        name: replace(entry, head=settled[name][0]) if name in few else entry for name, entry in pipeline.heads.items()
    }
    changed = [f"heads.{name}.{setting}" for name in few for setting in settled[name][1]]
    training: dict[str, Any] = {}
    freezing = pipeline.freezing
    if begun & set(few) == set(heads):  # one that begins at random, such as for entities, needs its epochs
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
    trained = pipeline.training.model_copy(update=training)
    return replace(pipeline, heads=heads, freezing=freezing, training=trained), [said]


def _begins(head: Resolved) -> bool:
    spec: Any = head.provided.spec
    return bool(spec.begins_at_fit(head.params))


def _few(pipeline: Pipeline, name: str, codecs: Codecs, train: Sequence[Example], border: int) -> float | None:
    """How many examples a label of this head has in the middle, where that is below ``border``; else None."""
    if pipeline.recipe == "standard":
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
