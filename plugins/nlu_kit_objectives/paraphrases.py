"""`triplet`, `multiple_negatives` and `cosine`: what pairs of sentences teach the sentence vectors.

Sentences of one cluster of paraphrases are never each other's negatives, whoever is drawn beside whom.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from scipy.stats import rankdata, spearmanr
from sentence_transformers.sentence_transformer.losses import CoSENTLoss
from torch import Tensor

from nlu_kit.plugin import (
    Backbone,
    DataError,
    DataReport,
    Encoded,
    Encoding,
    Item,
    ObjectiveContext,
    PretrainingObjective,
    Split,
    sentence_vectors,
)
from nlu_kit_objectives import ContrastParams, CosineParams, NegativesParams, PairParams, TripletParams
from nlu_kit_objectives.clusters import Known, PairData
from nlu_kit_objectives.mining import NONE, hardest
from nlu_kit_objectives.pairs import Pair

CLUSTERS, CHOSEN, SCORE = "clusters", "chosen", "score"
_SHOWN = 3


class FromPairs(PretrainingObjective):
    """Reads pairs, and measures: ``spearman`` of cosines and scores, where there are scores; ``triplet_accuracy``, how
    often a paraphrase is closer than a sentence that is said to differ; ``auroc`` of cosines, where pairs are the same
    or not."""

    def __init__(self, params: PairParams, context: ObjectiveContext) -> None:
        super().__init__()
        self.data = PairData(params, context)
        self.tokenizer = context.tokenizer
        found = self._measured(self.data.dev)
        self.main = next((name for name in ("spearman", "triplet_accuracy", "auroc") if name in found), "")
        if not self.main:
            raise DataError(
                f"the objective '{context.name}' can't be measured on its dev pairs: they have no two different "
                "scores, no paraphrase with a sentence that differs, and not both the same and different ones"
            )

    def evaluate(self, backbone: Backbone, split: Split) -> Mapping[str, float]:
        pairs = self.data.dev if split == "dev" else self.data.test
        measured = self._measured(pairs)
        if not measured:
            return {}
        texts = list({t: None for p in pairs for t in (p.first, p.second, p.other) if t is not None})
        vectors = self.vectors(backbone, texts)
        place = {text: number for number, text in enumerate(texts)}
        return {name: _figure(name, rows, vectors, place) for name, rows in measured.items()}

    def _measured(self, pairs: Sequence[Pair]) -> dict[str, Any]:
        """What can be measured on these pairs, and on which of them: texts, and what is said of them."""
        found: dict[str, Any] = {}
        scored = [(pair.first, pair.second, pair.score) for pair in pairs if pair.score is not None]
        if len({score for *_, score in scored}) > 1:
            found["spearman"] = scored
        known = self.data.known(pairs)
        triplets = [tuple(known.sentences[i] for i in triplet) for triplet in known.triplets()]
        if triplets:
            found["triplet_accuracy"] = triplets
        labelled = [(pair.first, pair.second, pair.same) for pair in pairs if pair.same is not None and not pair.other]
        if len({same for *_, same in labelled}) > 1:
            found["auroc"] = labelled
        return found

    def encoded(self, *texts: str) -> list[Encoding]:
        return self.tokenizer.encode(list(texts))

    def vectors(self, backbone: Backbone, texts: Sequence[str]) -> np.ndarray:
        """Float32 [N, D], of length 1."""
        vectors = sentence_vectors(backbone, self.encoded(*texts))
        vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
        return vectors


def _figure(name: str, rows: Sequence[Any], vectors: np.ndarray, place: Mapping[str, int]) -> float:
    first, second = (np.array([place[row[side]] for row in rows]) for side in (0, 1))
    cosines = (vectors[first] * vectors[second]).sum(1)
    if name == "triplet_accuracy":
        third = np.array([place[row[2]] for row in rows])
        return float((cosines > (vectors[first] * vectors[third]).sum(1)).mean())
    said = np.array([row[2] for row in rows], dtype=np.float64)
    if name == "spearman":
        return float(np.nan_to_num(spearmanr(cosines, said).statistic))
    ranks, positives = rankdata(cosines), said.sum()
    return float((ranks[said == 1].sum() - positives * (positives + 1) / 2) / (positives * (len(said) - positives)))


class _Clustered(FromPairs):
    """An objective whose items are a sentence, a paraphrase and a third sentence of another cluster: one that is said
    to differ, where there is one, else one that was mined, else any. ``clusters`` [3] go with them, and ``chosen`` says
    whether the third is one of the first two kinds."""

    mined: Tensor
    rounds: Tensor

    def __init__(self, params: NegativesParams, context: ObjectiveContext) -> None:
        super().__init__(params, context)
        self.known: Known = self.data.known(self.data.train, counting=True)
        self.anchors = [pair for both in self.known.paraphrases for pair in (both, both[::-1])]
        if not self.anchors:
            raise DataError(f"the objective '{context.name}' finds no two sentences that mean the same: see similar")
        if len(set(self.known.cluster.tolist())) < 2:
            raise DataError(f"the objective '{context.name}': all sentences mean the same, there is none to tell apart")
        self.mines, self.seed = params.negatives == "corpus", context.seed
        # Buffers, so that a checkpoint has them.
        self.register_buffer("mined", torch.full((len(self.anchors) if self.mines else 0,), NONE))
        self.register_buffer("rounds", torch.zeros((), dtype=torch.int64))

    def __len__(self) -> int:
        return len(self.anchors)

    def refresh(self, backbone: Backbone) -> None:
        if self.mines:
            vectors_ND = self.vectors(backbone, self.known.sentences)
            generator = np.random.default_rng((self.seed, int(self.rounds)))
            found = hardest(vectors_ND, self.known.cluster, self.anchors, generator)
            self.mined.copy_(torch.from_numpy(found))
            self.rounds += 1

    def item(self, index: int, generator: np.random.Generator) -> Item:
        anchor, positive = self.anchors[index]
        differing, other = self.known.differs.get(anchor), int(self.mined[index]) if self.mines else NONE
        chosen = bool(differing) or other != NONE
        if differing:
            other = differing[int(generator.integers(len(differing)))]
        elif not chosen:
            other = self._of_another_cluster(anchor, generator)
        numbers = (anchor, positive, other)
        targets = {CLUSTERS: self.known.cluster[list(numbers)], CHOSEN: np.array(chosen)}
        return Item(encodings=self.encoded(*(self.known.sentences[n] for n in numbers)), targets=targets)

    def _of_another_cluster(self, anchor: int, generator: np.random.Generator) -> int:
        while True:  # there is one
            other = int(generator.integers(len(self.known.sentences)))
            if self.known.cluster[other] != self.known.cluster[anchor]:
                return other

    def report(self) -> DataReport:
        shown = self.anchors[:: max(1, len(self.anchors) // _SHOWN)][:_SHOWN]
        texts = self.known.sentences
        examples = [f"{texts[anchor]} | {texts[positive]}" for anchor, positive in shown]
        with_other = sum(anchor in self.known.differs for anchor, _ in self.anchors)
        report = self.data.report(len(self), "sentences with a paraphrase", examples)
        return DataReport(
            counts={**report.counts, "of these with a sentence that is said to differ": with_other},
            dropped=report.dropped,
            examples=report.examples,
        )

    def forward(self, encoded: Encoded, targets: Mapping[str, Tensor], backbone: Backbone) -> Tensor:
        vectors_BKD = F.normalize(encoded.pooled_BD.float(), dim=-1).view(-1, 3, encoded.pooled_BD.shape[-1])
        cosines_BN = vectors_BKD[:, 0] @ vectors_BKD.flatten(0, 1).T
        clusters_BK = targets[CLUSTERS]
        same_BN = clusters_BK[:, :1] == clusters_BK.flatten()[None, :]
        return self.loss(vectors_BKD, cosines_BN, same_BN, targets[CHOSEN])

    @abstractmethod
    def loss(self, vectors_BKD: Tensor, cosines_BN: Tensor, same_BN: Tensor, chosen_B: Tensor) -> Tensor:
        """Of B items with K texts each, N in all: cosines of each anchor with every text, and which mean the same."""


class Triplets(_Clustered):
    """Triplet loss in cosine distance (Schroff et al. 2015). The third sentence is one that is said to differ, or was
    mined; where there is neither, the closest of the batch that is of another cluster: the hardest that the encoder of
    this moment finds."""

    def __init__(self, params: TripletParams, context: ObjectiveContext) -> None:
        super().__init__(params, context)
        self.margin = params.margin

    def loss(self, vectors_BKD: Tensor, cosines_BN: Tensor, same_BN: Tensor, chosen_B: Tensor) -> Tensor:
        rows = torch.arange(len(vectors_BKD), device=cosines_BN.device)
        hardest_B = cosines_BN.masked_fill(same_BN, -torch.inf).amax(1)
        negative_B = torch.where(chosen_B, cosines_BN[rows, 3 * rows + 2], hardest_B)
        return F.relu(negative_B - cosines_BN[rows, 3 * rows + 1] + self.margin).sum()


class MultipleNegatives(_Clustered):
    """Cross-entropy over the batch: which of its sentences is this one's paraphrase (Henderson et al. 2017)? Others of
    its cluster are left out."""

    def __init__(self, params: ContrastParams, context: ObjectiveContext) -> None:
        super().__init__(params, context)
        self.scale = params.scale

    def loss(self, vectors_BKD: Tensor, cosines_BN: Tensor, same_BN: Tensor, chosen_B: Tensor) -> Tensor:
        positives_B = 3 * torch.arange(len(vectors_BKD), device=cosines_BN.device) + 1
        others_BN = same_BN.scatter(1, positives_B[:, None], False)
        scores_BN = (self.scale * cosines_BN).masked_fill(others_BN, -torch.inf)
        return F.cross_entropy(scores_BN, positives_B, reduction="sum")


class Cosines(FromPairs):
    """Pairs with scores: their cosines are to have the scores' order (CoSENT, Huang et al. 2024), or be the scores.
    Pairs that are just the same or not count as 1 and 0."""

    def __init__(self, params: CosineParams, context: ObjectiveContext) -> None:
        super().__init__(params, context)
        self.pairs = [
            (pair.first, pair.second, float(bool(pair.same)) if pair.score is None else pair.score)
            for pair in self.data.train
        ]
        if len({score for *_, score in self.pairs}) < 2:
            raise DataError(f"the objective '{context.name}' finds one score only: there is no order to learn")
        no_model: Any = None  # its loss is computed of vectors that are there
        self.cosent = CoSENTLoss(no_model) if params.loss == "cosent" else None

    def __len__(self) -> int:
        return len(self.pairs)

    def item(self, index: int, generator: np.random.Generator) -> Item:
        first, second, score = self.pairs[index]
        return Item(encodings=self.encoded(first, second), targets={SCORE: np.array(score, dtype=np.float32)})

    def forward(self, encoded: Encoded, targets: Mapping[str, Tensor], backbone: Backbone) -> Tensor:
        first_BD, second_BD = encoded.pooled_BD.float().view(-1, 2, encoded.pooled_BD.shape[-1]).unbind(1)
        score_B = targets[SCORE]
        if self.cosent is not None:
            loss: Tensor = self.cosent.compute_loss_from_embeddings([first_BD, second_BD], score_B)
            return loss * len(score_B)
        return F.mse_loss(F.cosine_similarity(first_BD, second_BD), score_B, reduction="sum")

    def report(self) -> DataReport:
        shown = self.pairs[:: max(1, len(self.pairs) // _SHOWN)][:_SHOWN]
        return self.data.report(
            len(self), "pairs with a score", [f"{score:.2f} {first} | {second}" for first, second, score in shown]
        )
