"""`nlu-kit train` with a regulariser that the product does not have. For the ablation only.

    python benchmarks/regularisers.py --rdrop 1.0 train pipeline.json --set training.epochs=12

EMA (Polyak and Juditsky 1992): validate and keep a moving average of the weights. R-Drop (Liang et al. 2021): each
batch goes through twice, under two dropout masks, and what the two say may not differ. Word dropout (Bowman et al.
2016): now and then a word's subwords are hidden behind [MASK], so that entities are found by what stands around them,
too. Mention replacement (Dai and Adel 2020): now and then an entity gives way to another of its label.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

import nlu_kit.training.job as job
from nlu_kit.cli.main import main as nlu_kit
from nlu_kit.config.pipeline import Pipeline
from nlu_kit.data.batch import Batch, TokenBatch
from nlu_kit.data.dataset import encode_dataset
from nlu_kit.data.example import Entity, Example
from nlu_kit.data.labels import IGNORE
from nlu_kit.model.nlu_model import Objective
from nlu_kit.training.prepare import Prepared, prepare
from nlu_kit.training.trainer import Trainer, Validation


class EmaTrainer(Trainer):
    """Validates, and so checkpoints, with the average; the next step goes on from the weights themselves."""

    decay = 0.0

    def __init__(self, **parts: Any) -> None:
        super().__init__(**parts)
        self.average = [parameter.detach().clone() for parameter in self.objective.parameters()]
        self.kept: list[Tensor] = []
        validate = self.validate

        def with_average() -> Validation:
            self.kept = [parameter.detach().clone() for parameter in self.objective.parameters()]
            self._put(self.average)
            return validate()

        self.validate = with_average

    @torch.no_grad()
    def _put(self, values: Sequence[Tensor]) -> None:
        for parameter, value in zip(self.objective.parameters(), values, strict=True):
            parameter.copy_(value)

    def step(self, indices: Sequence[int]) -> tuple[float, dict[str, float]]:
        if self.kept:
            self._put(self.kept)
            self.kept = []
        result = super().step(indices)
        decay = min(self.decay, self.global_step / (self.global_step + 10))  # or the first weights would stay too long
        weights = [parameter.detach() for parameter in self.objective.parameters()]
        torch._foreach_lerp_(self.average, weights, 1 - decay)
        return result


class RDropObjective(Objective):
    """The mean of two passes' losses, and the symmetric KL divergence between what they say of each target."""

    strength = 0.0

    def forward(
        self, batch: Batch, denominators: Mapping[str, Tensor], share: float
    ) -> tuple[Tensor, dict[str, Tensor]]:
        passes = [self.model(batch.tokens) for _ in range(2)]
        losses = {}
        for name, loss in self.losses.items():
            target, below = batch.targets[name], denominators[name]
            mean = sum(loss(outputs[name], target) for outputs in passes) / 2
            first, second = (outputs[name]["logits"].float().log_softmax(-1) for outputs in passes)
            counted = target["labels"] != IGNORE
            apart = F.kl_div(first, second, log_target=True, reduction="none").sum(-1)
            apart = apart + F.kl_div(second, first, log_target=True, reduction="none").sum(-1)
            losses[name] = (mean + self.strength * apart[counted].sum() / 2) / below
        return self.balancing(losses, share=share), losses


class RDropTrainer(Trainer):
    """Trains with RDropObjective."""

    def __init__(self, **parts: Any) -> None:
        parts["objective"].__class__ = RDropObjective
        super().__init__(**parts)


class WordDropoutTrainer(Trainer):
    """Hides words of each batch it trains on."""

    rate = 0.0
    mask_id = 103  # "[MASK]" in the vocabulary of BERT, which MiniLM's is

    def pieces(self, indices: Sequence[int]) -> list[Batch]:
        return [replace(piece, tokens=self._without_words(piece.tokens)) for piece in super().pieces(indices)]

    def _without_words(self, tokens: TokenBatch) -> TokenBatch:
        words = tokens.words_BT
        assert words is not None
        hidden = torch.rand(words.shape, device=words.device) < self.rate  # by word: the same for all its subwords
        hidden_BT = hidden.gather(1, words.clamp_min(0)) & (words >= 0)
        return replace(tokens, ids_BT=tokens.ids_BT.masked_fill(hidden_BT, self.mask_id))


class MentionTrainer(Trainer):
    """Draws entities anew for the utterances of each batch it trains on."""

    rate = 0.0
    prepared: Prepared

    def __init__(self, **parts: Any) -> None:
        super().__init__(**parts)
        self.random = random.Random(self.config.seed)
        self.codecs = self.prepared.codecs()
        found: dict[str, set[str]] = defaultdict(set)
        for example in self.train.examples:
            for entity in example.entities or ():
                found[entity.label].add(example.text[entity.start : entity.end])
        self.mentions = {label: sorted(texts) for label, texts in found.items()}

    def pieces(self, indices: Sequence[int]) -> list[Batch]:
        drawn = [self._draw(self.train.examples[index]) for index in indices]
        fresh = encode_dataset(drawn, self.objective.model.backbone.tokenizer, self.codecs)
        whole, self.train = self.train, fresh
        try:
            return super().pieces(range(len(drawn)))
        finally:
            self.train = whole

    def _draw(self, example: Example) -> Example:
        text, entities, end = "", [], 0
        for entity in sorted(example.entities or (), key=lambda each: each.start):
            mention = example.text[entity.start : entity.end]
            if self.random.random() < self.rate:
                mention = self.random.choice(self.mentions[entity.label])
            text += example.text[end : entity.start]
            entities.append(Entity(start=len(text), end=len(text) + len(mention), label=entity.label))
            text, end = text + mention, entity.end
        return replace(example, text=text + example.text[end:], entities=tuple(entities))


def keep_prepared(pipeline: Pipeline) -> Prepared:
    MentionTrainer.prepared = prepare(pipeline)
    return MentionTrainer.prepared


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    chosen = parser.add_mutually_exclusive_group(required=True)
    chosen.add_argument("--ema", type=float, metavar="DECAY")
    chosen.add_argument("--rdrop", type=float, metavar="STRENGTH")
    chosen.add_argument("--word-dropout", type=float, metavar="RATE")
    chosen.add_argument("--mentions", type=float, metavar="RATE")
    arguments, rest = parser.parse_known_args()
    trainer: type[Trainer] = EmaTrainer
    if arguments.ema is not None:
        EmaTrainer.decay = arguments.ema
    elif arguments.rdrop is not None:
        trainer, RDropObjective.strength = RDropTrainer, arguments.rdrop
    elif arguments.mentions is not None:
        trainer, MentionTrainer.rate = MentionTrainer, arguments.mentions
        job.prepare = keep_prepared  # type: ignore[attr-defined]
    else:
        trainer, WordDropoutTrainer.rate = WordDropoutTrainer, arguments.word_dropout
    job.Trainer = trainer  # type: ignore[attr-defined]
    return nlu_kit(rest)


if __name__ == "__main__":
    sys.exit(main())
