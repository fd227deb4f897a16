"""All that a run needs before its first step: data, label spaces, the composed model, sampler and strategy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from nlu_kit.config.components import build_nested
from nlu_kit.config.pipeline import Pipeline, Resolved
from nlu_kit.corpus.read import Corpus, read_corpus
from nlu_kit.data.dataset import EncodedDataset, encode_dataset
from nlu_kit.data.example import Example
from nlu_kit.data.findings import refuse_unlearnable
from nlu_kit.errors import ConfigError, DataError, Problem
from nlu_kit.heads.codec import Codecs
from nlu_kit.model.build import build_backbone, build_model, build_objective, model_layers
from nlu_kit.model.codecs import build_codecs, fit_heads
from nlu_kit.model.nlu_model import Objective
from nlu_kit.params import Component
from nlu_kit.plugin.contracts import Freezing, FreezingContext, Sampler, SamplerContext
from nlu_kit.plugin.modules import Backbone, sentence_vectors, word_table
from nlu_kit.registry import Registry
from nlu_kit.training.duration import epochs_of, selects, with_epochs
from nlu_kit.training.initialise import initialise_heads
from nlu_kit.training.prior import PriorCorrection, prior_correction
from nlu_kit.training.recipe import with_recipe
from nlu_kit.training.teacher import TaughtObjective, unlabelled_examples, with_answers
from nlu_kit.training.threshold import check_tuning


@dataclass(frozen=True, slots=True)
class Prepared:
    """``pipeline`` has the heads that the data can teach, and its number of epochs; ``left_out`` says why default heads
    are missing. ``codecs`` are not calibrated yet. ``selects``: dev chooses the epoch, else the last one is kept.
    ``said``: what was decided by itself; ``begun``: the heads that begin at a fit."""

    pipeline: Pipeline
    left_out: Mapping[str, str]
    corpus: Corpus
    train: EncodedDataset
    dev: EncodedDataset
    test: EncodedDataset
    codecs: Codecs
    objective: Objective
    sampler: Sampler
    freezing: Freezing
    correction: PriorCorrection
    selects: bool = True
    said: Sequence[str] = ()
    begun: Sequence[str] = ()

    @property
    def shown(self) -> EncodedDataset:
        """The texts to show and to check things by, where they need not be new to the model: dev, if there is one."""
        return self.dev if len(self.dev) else self.train

    def sizes(self) -> dict[str, int]:
        """The examples of the corpus, by split."""
        return {"train": len(self.corpus.train), "dev": len(self.dev), "test": len(self.test)}

    def out_of_scope(self) -> dict[str, int]:
        """How many examples of each split are out of scope; splits without any are absent."""
        splits = {"train": self.train, "dev": self.dev, "test": self.test}
        counts = {name: sum(e.out_of_scope for e in split.examples) for name, split in splits.items()}
        return {name: count for name, count in counts.items() if count}


def prepare(pipeline: Pipeline) -> Prepared:
    """Read, fit, encode and build. Raises DataError, ConfigError, PluginError or ModelError; writes nothing."""
    corpus = read_corpus(pipeline)
    check_tuning(pipeline, [*corpus.train, *corpus.dev])
    fitted = fit_heads(pipeline, corpus.train)
    pipeline, labels = fitted.pipeline, fitted.labels
    codecs = build_codecs({name: entry.head for name, entry in pipeline.heads.items()}, labels)
    pipeline, said = with_recipe(pipeline, codecs, corpus.train)
    heads = {name: entry.head for name, entry in pipeline.heads.items()}
    codecs = build_codecs(heads, labels)
    backbone = build_backbone(pipeline.backbone, base_dir=pipeline.base_dir)
    unlabelled = unlabelled_examples(pipeline)
    called, left_out = _label_examples(codecs, corpus.train, backbone)
    said += left_out
    train, dev, test = (
        encode_dataset(examples, backbone.tokenizer, codecs)
        for examples in ([*corpus.train, *called, *unlabelled], corpus.dev, corpus.test)
    )
    _refuse_unlearnable(train, codecs)
    model = build_model(backbone, heads, labels)
    begun = initialise_heads(model, train)
    _refuse_untrained(pipeline, begun)
    objective = build_objective(pipeline, model, train, labels)
    if pipeline.training.teacher is not None:
        train, taught = with_answers(pipeline, pipeline.training.teacher, train, labels)
        objective = TaughtObjective(objective, taught, pipeline.training.teacher)
        answered = f"{len(train):,} texts" + (f", {len(unlabelled):,} of them without annotation" if unlabelled else "")
        said.append(f"{pipeline.training.teacher.model} teaches {', '.join(taught)}: it has answered {answered}")
    sampler = build_sampler(pipeline, train)
    pipeline = with_epochs(pipeline, sampler)
    freezing = build_freezing(pipeline.freezing, pipeline.registry, epochs=epochs_of(pipeline))
    freezing.may_train(model_layers(objective), 0, ())  # a strategy that does not fit this encoder says so here
    if pipeline.training.fgm is not None:
        word_table(backbone)  # as does an encoder whose word vectors can't be moved
    return Prepared(
        pipeline=pipeline,
        left_out=fitted.left_out,
        corpus=corpus,
        train=train,
        dev=dev,
        test=test,
        codecs=codecs,
        objective=objective,
        sampler=sampler,
        freezing=freezing,
        correction=prior_correction(pipeline, objective, sampler, train, codecs),
        selects=selects(pipeline, len(dev)),
        said=said,
        begun=begun,
    )


def _label_examples(codecs: Codecs, train: Sequence[Example], backbone: Backbone) -> tuple[list[Example], list[str]]:
    """What heads learn from beyond the data, and what to say of that. Raises DataError that names the head."""

    def vectors(texts: Sequence[str]) -> np.ndarray:
        return sentence_vectors(backbone, backbone.tokenizer.encode(texts))

    examples: list[Example] = []
    said = []
    for name, codec in codecs.items():
        try:
            chosen, left_out = codec.chosen_label_examples(train, vectors)
        except DataError as error:
            raise DataError(f"heads.{name}.{error}") from error
        examples += chosen
        said += [f"heads.{name}.{left_out}"] if left_out else []
    return examples, said


def _refuse_untrained(pipeline: Pipeline, begun: Sequence[str]) -> None:
    """Raises ConfigError where a head would be left as random as it begins."""
    random = [name for name in pipeline.heads if name not in begun]
    if random and pipeline.training.epochs == 0:
        message = f"0 leaves heads where they begin, and '{random[0]}' begins at random"
        hint = "1 or more let it learn; a head that can begin at a fit may have a parameter for that (initialise)"
        raise ConfigError([Problem("training.epochs", message, hint)])


def _refuse_unlearnable(train: EncodedDataset, codecs: Codecs) -> None:
    """Raises DataError where most annotations of a label can't be learnt."""
    for head, unlearnable in train.unlearnable.items():
        if unlearnable:
            counts = Counter(label for example in train.examples for label in codecs[head].labels_of(example))
            refuse_unlearnable(head, unlearnable, counts)


def build_sampler(pipeline: Pipeline, train: EncodedDataset) -> Sampler:
    def nested(component: Component) -> Sampler:
        inside: Sampler = build_nested(pipeline.registry, "sampler", component, context)
        return inside

    context = SamplerContext(
        examples=train.examples,
        lengths=train.lengths,
        batch_size=pipeline.training.batch_size,
        seed=pipeline.training.seed,
        nested=nested,
    )
    sampler: Sampler = pipeline.sampler.make(context)
    return sampler


def build_freezing(strategy: Resolved, registry: Registry, *, epochs: int) -> Freezing:
    """The strategy, with the strategies inside it."""

    def nested(component: Component) -> Freezing:
        inside: Freezing = build_nested(registry, "freezing", component, context)
        return inside

    context = FreezingContext(epochs=max(1, epochs), nested=nested)
    freezing: Freezing = strategy.make(context)
    return freezing
