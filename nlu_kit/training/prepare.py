"""All that a run needs before its first step: data, label spaces, the composed model, sampler and strategy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from nlu_kit.config.nested import build_nested
from nlu_kit.config.pipeline import Pipeline
from nlu_kit.data.corpus import Corpus, read_corpus
from nlu_kit.data.dataset import EncodedDataset, encode_dataset
from nlu_kit.data.example import Example
from nlu_kit.errors import did_you_mean
from nlu_kit.model.build import (
    build_backbone,
    build_codecs,
    build_model,
    build_objective,
    current_codecs,
    fit_labels,
    model_layers,
)
from nlu_kit.model.nlu_model import Objective
from nlu_kit.model.protocols import Codec, Freezing, Sampler
from nlu_kit.specs import Component, FreezingContext, SamplerContext
from nlu_kit.training.adversarial import word_table
from nlu_kit.training.threshold import check_tuning


@dataclass(frozen=True, slots=True)
class Prepared:
    """``codecs`` makes the codecs for the model's weights of the moment."""

    corpus: Corpus
    train: EncodedDataset
    dev: EncodedDataset
    test: EncodedDataset
    codecs: Callable[[], dict[str, Codec]]
    objective: Objective
    sampler: Sampler
    freezing: Freezing

    def sizes(self) -> dict[str, int]:
        return {"train": len(self.train), "dev": len(self.dev), "test": len(self.test)}

    def out_of_scope(self) -> dict[str, int]:
        """How many examples of each split are out of scope; splits without any are absent."""
        splits = {"train": self.train, "dev": self.dev, "test": self.test}
        counts = {name: sum(e.out_of_scope for e in split.examples) for name, split in splits.items()}
        return {name: count for name, count in counts.items() if count}


def prepare(pipeline: Pipeline) -> Prepared:
    """Read, fit, encode and build. Raises DataError, ConfigError, PluginError or ModelError; writes nothing."""
    corpus = read_corpus(pipeline)
    check_tuning(pipeline, [*corpus.train, *corpus.dev])
    heads = {name: entry.head for name, entry in pipeline.heads.items()}
    labels = fit_labels(pipeline, corpus.train)
    codecs = build_codecs(heads, labels)
    backbone = build_backbone(pipeline.backbone, base_dir=pipeline.base_dir)
    train, dev, test = (
        encode_dataset(examples, backbone.tokenizer, codecs) for examples in (corpus.train, corpus.dev, corpus.test)
    )
    model = build_model(backbone, heads, labels)
    objective = build_objective(pipeline, model, train, labels)
    freezing = build_freezing(pipeline)
    freezing.may_train(model_layers(objective), 0, ())  # a strategy that does not fit this encoder says so here
    if pipeline.training.fgm is not None:
        word_table(backbone)  # as does an encoder whose word vectors can't be moved
    return Prepared(
        corpus=corpus,
        train=train,
        dev=dev,
        test=test,
        codecs=partial(current_codecs, heads, labels, model),
        objective=objective,
        sampler=_build_sampler(pipeline, train),
        freezing=freezing,
    )


def _build_sampler(pipeline: Pipeline, train: EncodedDataset) -> Sampler:
    context = SamplerContext(
        examples=train.examples,
        lengths=train.lengths,
        batch_size=pipeline.training.batch_size,
        seed=pipeline.training.seed,
        nested=lambda component: nested(component),
    )

    def nested(component: Component) -> Sampler:
        built: Sampler = build_nested(pipeline.registry, "sampler", component, context)
        return built

    sampler: Sampler = pipeline.sampler.provided.spec.build(pipeline.sampler.params, context)  # type: ignore[attr-defined]
    return sampler


def build_freezing(pipeline: Pipeline) -> Freezing:
    """The pipeline's strategy, with the strategies inside it."""
    context = FreezingContext(epochs=pipeline.training.epochs, nested=lambda component: nested(component))

    def nested(component: Component) -> Freezing:
        built: Freezing = build_nested(pipeline.registry, "freezing", component, context)
        return built

    freezing: Freezing = pipeline.freezing.provided.spec.build(pipeline.freezing.params, context)  # type: ignore[attr-defined]
    return freezing


def data_warnings(pipeline: Pipeline, prepared: Prepared) -> list[str]:
    """What the data loses on its way to the model, and what does nothing: said once, never silently."""
    found = _scope_warnings(pipeline, prepared) + _learnt_scope_warnings(pipeline, prepared.codecs())
    found += _label_warnings(prepared.codecs())
    found += _field_warnings(prepared.train.examples, prepared.codecs())
    found += _idle_warnings(pipeline, prepared)
    if prepared.corpus.dev_from_train:
        found.append(f"no data.dev: {len(prepared.dev)} examples were split off train for early stopping")
    if prepared.corpus.dev == prepared.corpus.train:
        found.append("dev holds the same examples as train: its figures will flatter")
    for split in ("train", "dev", "test"):
        dataset: EncodedDataset = getattr(prepared, split)
        if dataset.truncated:
            found.append(f"{split}: {dataset.truncated} texts are longer than the encoder reads and are cut off")
        for head, count in dataset.lost.items():
            if count:
                reasons = "cut off, or start or end inside a word, or overlap or are wider than this head can tell"
                found.append(f"{split}: {count} annotations of '{head}' are lost: {reasons}")
        if split != "train" and len(dataset):
            found += _annotation_warnings(split, dataset, prepared.codecs())
    return found


def _idle_warnings(pipeline: Pipeline, prepared: Prepared) -> list[str]:
    if pipeline.training.fgm is None:
        return []
    lowest = f"model.backbone.{prepared.objective.model.backbone.layers[0]}"
    if lowest in prepared.freezing.may_train(model_layers(prepared.objective), 0, ()):
        return []
    return ["training.fgm does nothing: the freezing strategy never trains the word vectors that it would move"]


def _scope_warnings(pipeline: Pipeline, prepared: Prepared) -> list[str]:
    head = pipeline.watched
    if pipeline.detector is None or head is None:
        unused = prepared.out_of_scope()
        return ["the out-of-scope examples serve nothing: the pipeline has no detector"] if unused else []
    codec = prepared.codecs()[head]
    labelled = any(codec.gold(example) is not None for example in prepared.dev.examples)
    if labelled or pipeline.detector.params.threshold is not None:  # type: ignore[attr-defined]
        return []
    return [f"dev: nothing is annotated for '{head}', so that no threshold for what is out of scope can be tuned"]


def _learnt_scope_warnings(pipeline: Pipeline, codecs: Mapping[str, Codec]) -> list[str]:
    """Heads that learn "none of them" as one label more. Those that read ``intent`` can't: there it is taken away."""
    named = pipeline.data.out_of_scope
    return [
        f"train: '{head}' learns '{label}' like any other label, for data.out_of_scope goes by the field 'intent'; "
        'where none of the labels is meant, give "out_of_scope": true in its place'
        for head, entry in pipeline.heads.items()
        if entry.head.provided.spec.one_label  # type: ignore[attr-defined]
        for label in codecs[head].labels.names
        if label in named
    ]


def _annotation_warnings(split: str, dataset: EncodedDataset, codecs: Mapping[str, Codec]) -> list[str]:
    found = []
    for head, codec in codecs.items():
        unseen = sum(codec.unseen(example) for example in dataset.examples)
        if unseen:
            found.append(
                f"{split}: {unseen} annotations of '{head}' have labels that train never had and count as wrong"
            )
        if not codec.evaluate(dataset.examples, [codec.gold(example) or {} for example in dataset.examples]):
            found.append(f"{split}: nothing is annotated for '{head}', so it has no figures there")
    return found


def _label_warnings(codecs: Mapping[str, Codec]) -> list[str]:
    """Labels that differ in case or outer white space only are classes of their own, and hardly ever meant so."""
    found = []
    for head, codec in codecs.items():
        first: dict[str, str] = {}
        for name in codec.labels.names:
            other = first.setdefault(name.strip().casefold(), name)
            if other != name:
                found.append(f"train: '{head}' has a label '{other}' and a label '{name}': is one of them a slip?")
    return found


def _field_warnings(examples: Sequence[Example], codecs: Mapping[str, Codec]) -> list[str]:
    """Fields that no head reads, but whose name is close to one that a head does read."""
    read = {field for codec in codecs.values() for example in examples for field in codec.gold(example) or ()}
    counts = Counter(field for example in examples for field in example.labels if field not in read)
    return [
        f"train: no head reads the field '{field}' of {count} examples; {hint.strip()}"
        for field, count in sorted(counts.items())
        if (hint := did_you_mean(field, read))
    ]
