"""`distill`: the encoder learns from a teacher's vectors (Hinton et al. 2015; Reimers & Gurevych 2020)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nlu_kit.plugin import (
    Backbone,
    DataReport,
    Encoded,
    Encoding,
    Item,
    ObjectiveContext,
    PretrainingObjective,
    Split,
    collate_tokens,
    evaluating,
)
from nlu_kit_objectives import DistillParams
from nlu_kit_objectives.texts import Texts

NUMBER = "number"
_BATCH = 64


class Distillation(PretrainingObjective):
    """Vectors agree when their cosine is 1. Where the teacher's have another length, a linear map leads from the
    encoder's to them, and is thrown away afterwards. Words agree by their places in the text, so that the two
    tokenizers may differ: the first token of each counts. Figures: ``sentence_cosine`` and ``word_cosine`` on texts
    that are held out."""

    def __init__(self, params: DistillParams, context: ObjectiveContext) -> None:
        super().__init__()
        self.texts = Texts(params, context)
        if params.model is not None:
            teacher = context.model(context.path(params.model))
        else:
            assert params.backbone is not None, "the parameters have one of the two"
            teacher = context.backbone(params.backbone)
        for parameter in teacher.parameters():
            parameter.requires_grad_(False)
        self._teacher: list[Any] = [teacher.eval()]  # in a list: it is no part of what trains or is saved
        self.map = nn.Linear(context.width, teacher.width) if context.width != teacher.width else nn.Identity()
        self.weights = {"sentence": params.sentences, "word": params.tokens}
        self.main = "sentence_cosine" if params.sentences else "word_cosine"

    def __len__(self) -> int:
        return len(self.texts)

    def item(self, index: int, generator: np.random.Generator) -> Item:
        return Item(encodings=[self.texts.encoding(index)], targets={NUMBER: np.array(index)})

    def forward(self, encoded: Encoded, targets: Mapping[str, Tensor], backbone: Backbone) -> Tensor:
        encodings = [self.texts.encoding(number) for number in targets[NUMBER].tolist()]
        total = encoded.pooled_BD.new_zeros(())
        for what, cosines in self.cosines(encoded, encodings).items():
            total = total + self.weights[what] * (1 - cosines).mean() * len(encodings)
        return total

    def cosines(self, encoded: Encoded, encodings: Sequence[Encoding]) -> dict[str, Tensor]:
        """How far the encoder and its teacher agree: of ``sentence`` vectors [B], of ``word`` vectors [W]."""
        teacher: Backbone = self._teacher[0].to(encoded.pooled_BD.device)
        theirs = teacher.tokenizer.encode([encoding.text for encoding in encodings])
        with torch.no_grad():
            tokens = collate_tokens(theirs, pad_id=teacher.pad_id, device=encoded.pooled_BD.device)
            taught = teacher(tokens)
        found: dict[str, Tensor] = {}
        if self.weights["sentence"]:
            found["sentence"] = F.cosine_similarity(self.map(encoded.pooled_BD).float(), taught.pooled_BD.float())
        if self.weights["word"]:
            places = _shared_words(encodings, theirs)
            own, other = (torch.tensor([place[side] for place in places], dtype=torch.long) for side in (0, 1))
            own_WD = encoded.tokens_BTD[own[:, 0], own[:, 1]] if len(places) else encoded.tokens_BTD[:1, 0]
            other_WD = taught.tokens_BTD[other[:, 0], other[:, 1]] if len(places) else taught.tokens_BTD[:1, 0]
            found["word"] = F.cosine_similarity(self.map(own_WD).float(), other_WD.float())
        return found

    @torch.no_grad()
    def evaluate(self, backbone: Backbone, split: Split) -> Mapping[str, float]:
        if split == "test":
            return {}
        device = next(backbone.parameters()).device
        found: dict[str, list[float]] = {}
        with evaluating(self, backbone):
            for start in range(0, len(self.texts.dev), _BATCH):
                encodings = self.texts.dev[start : start + _BATCH]
                encoded = backbone(collate_tokens(encodings, pad_id=backbone.pad_id, device=device))
                for what, cosines in self.cosines(encoded, encodings).items():
                    found.setdefault(f"{what}_cosine", []).extend(cosines.tolist())
        return {name: float(np.mean(values)) for name, values in found.items()}

    def report(self) -> DataReport:
        return self.texts.report()


def _shared_words(
    ours: Sequence[Encoding], theirs: Sequence[Encoding]
) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """((row, token) of ours, (row, token) of theirs) for the first token of each word that both have."""
    found = []
    for row, (own, other) in enumerate(zip(ours, theirs, strict=True)):
        places = {(word.start, word.end): word.token for word in other.words}
        found += [
            ((row, word.token), (row, places[word.start, word.end]))
            for word in own.words
            if (word.start, word.end) in places
        ]
    return found
