"""`mlm` and `span`: hidden words are guessed by a head that shares its last layer with the encoder's word vectors."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nlu_kit.plugin import (
    IGNORE,
    Backbone,
    DataReport,
    Encoded,
    Item,
    ObjectiveContext,
    PretrainingObjective,
    Split,
    collate_tokens,
    evaluating,
    stack_targets,
    word_table,
)
from nlu_kit_objectives import MaskedParams, SpanParams
from nlu_kit_objectives.masking import LABELS, LEFT, PLACE, RIGHT, Masker
from nlu_kit_objectives.texts import Texts

_BATCH = 64
_DEV_SEED = 0


class Guess(nn.Module):
    """From vectors [M, ``inputs``] to a score for each of the V tokens [M, V]: as BERT's own head, which ends with the
    encoder's word vectors."""

    def __init__(self, encoder: Backbone, *, inputs: int) -> None:
        super().__init__()
        words, width = word_table(encoder).weight.shape
        self.transform = nn.Sequential(nn.Linear(inputs, width), nn.GELU(), nn.LayerNorm(width))
        self.bias = nn.Parameter(torch.zeros(words))

    def forward(self, vectors_MD: Tensor, words_VD: Tensor) -> Tensor:
        return F.linear(self.transform(vectors_MD), words_VD, self.bias)


class MaskedWords(PretrainingObjective):
    """Whole-word masking (Devlin et al. 2019). Figures: ``accuracy`` of the hidden tokens, their mean
    ``probability``, which rises before any guess is right, and their ``perplexity``."""

    main = "probability"
    unscaled = ("perplexity",)

    def __init__(self, params: MaskedParams, context: ObjectiveContext) -> None:
        super().__init__()
        self.texts = Texts(params, context)
        self.masker = Masker(context, share=params.share)
        self.guess = Guess(context.encoder, inputs=context.width)

    def __len__(self) -> int:
        return len(self.texts)

    def item(self, index: int, generator: np.random.Generator) -> Item:
        return self.masker.words(self.texts.encoding(index), generator)

    def forward(self, encoded: Encoded, targets: Mapping[str, Tensor], backbone: Backbone) -> Tensor:
        scores_MV, labels_M = self.scores(encoded, targets, backbone)
        return F.cross_entropy(scores_MV.float(), labels_M, reduction="sum")

    def denominator(self, targets: Mapping[str, Tensor]) -> Tensor:
        return (targets[LABELS] != IGNORE).sum().float()

    def scores(self, encoded: Encoded, targets: Mapping[str, Tensor], backbone: Backbone) -> tuple[Tensor, Tensor]:
        """(scores of the hidden tokens [M, V], what they were [M])."""
        labels_BT = targets[LABELS]
        hidden_BT = labels_BT != IGNORE
        vectors_MD = encoded.tokens_BTD[:, : labels_BT.shape[1]][hidden_BT]
        return self.guess(vectors_MD, word_table(backbone).weight), labels_BT[hidden_BT]

    @torch.no_grad()
    def evaluate(self, backbone: Backbone, split: Split) -> Mapping[str, float]:
        if split == "test":
            return {}
        right = hidden = 0
        loss = probability = 0.0
        device = next(backbone.parameters()).device
        with evaluating(self, backbone):
            for start in range(0, len(self.texts.dev), _BATCH):
                items = [
                    self.masker.words(encoding, np.random.default_rng((_DEV_SEED, start, number)))
                    for number, encoding in enumerate(self.texts.dev[start : start + _BATCH])
                ]
                tokens = collate_tokens([item.encodings[0] for item in items], pad_id=backbone.pad_id, device=device)
                scores_MV, labels_M = self.scores(backbone(tokens), stack_targets(items, device), backbone)
                logs_M = -F.cross_entropy(scores_MV.float(), labels_M, reduction="none")
                loss -= float(logs_M.sum())
                probability += float(logs_M.exp().sum())
                right += int((scores_MV.argmax(-1) == labels_M).sum())
                hidden += len(labels_M)
        count = max(hidden, 1)
        shares = {"accuracy": right / count, "probability": probability / count}
        return {**shares, "perplexity": math.exp(min(loss / count, 50.0))}

    def report(self) -> DataReport:
        return self.texts.report()


class MaskedSpans(MaskedWords):
    """Spans of words, whose tokens are guessed twice: from their own vectors, and from those of the tokens around the
    span with their place in it (the boundary objective of Joshi et al. 2020). Measured on whole words, as `mlm` is."""

    def __init__(self, params: SpanParams, context: ObjectiveContext) -> None:
        super().__init__(params, context)
        self.stop, self.longest = params.stop, params.longest
        self.places = nn.Embedding(context.tokenizer.max_length, context.width)
        nn.init.normal_(self.places.weight, std=0.02)
        self.boundary = Guess(context.encoder, inputs=3 * context.width)

    def item(self, index: int, generator: np.random.Generator) -> Item:
        return self.masker.spans(self.texts.encoding(index), generator, stop=self.stop, longest=self.longest)

    def forward(self, encoded: Encoded, targets: Mapping[str, Tensor], backbone: Backbone) -> Tensor:
        own = super().forward(encoded, targets, backbone)
        hidden_BT = targets[LABELS] != IGNORE
        rows_M = hidden_BT.nonzero()[:, 0]
        edges: list[Any] = [encoded.tokens_BTD[rows_M, targets[side][hidden_BT]] for side in (LEFT, RIGHT)]
        vectors_MD = torch.cat([*edges, self.places(targets[PLACE][hidden_BT])], dim=-1)
        scores_MV = self.boundary(vectors_MD, word_table(backbone).weight)
        return own + F.cross_entropy(scores_MV.float(), targets[LABELS][hidden_BT], reduction="sum")
