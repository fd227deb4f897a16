"""`supervised_contrastive`: utterances of one intent come together, those of others apart (Khosla et al. 2020)."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from nlu_kit.plugin import (
    Backbone,
    DataError,
    DataReport,
    Encoded,
    Example,
    Item,
    ObjectiveContext,
    PretrainingObjective,
    Split,
    sentence_vectors,
)
from nlu_kit_objectives import IntentContrastParams

LABEL = "label"
_LEAST, _SHARE = 4, 10


class IntentContrast(PretrainingObjective):
    """An item is an utterance and another of its label. In a batch, all of one label are each other's positives; memory
    goes with the batch, not with the corpus. Figure: ``nearest``, how often the utterance next to one that is held out
    has its label."""

    main = "nearest"

    def __init__(self, params: IntentContrastParams, context: ObjectiveContext) -> None:
        super().__init__()
        self.temperature, self.field, self.tokenizer = params.temperature, params.field, context.tokenizer
        self.dropped: Counter[str] = Counter()
        rows = self._labelled(params.corpora, context)
        dev = self._labelled(params.dev, context)
        by_label: dict[str, list[str]] = defaultdict(list)
        for text, label in rows:
            by_label[label].append(text)
        if not params.dev:
            generator = np.random.default_rng(context.seed)
            for label, texts in by_label.items():
                order = generator.permutation(len(texts)).tolist()
                kept = max(1, len(texts) // _SHARE) if len(texts) >= _LEAST else 0
                dev += [(texts[i], label) for i in order[:kept]]
                by_label[label] = [texts[i] for i in sorted(order[kept:])]
        self.by_label = {label: texts for label, texts in by_label.items() if len(texts) > 1}
        self.dropped["the only one of its label"] += sum(len(texts) == 1 for texts in by_label.values())
        self.dropped = +self.dropped
        if len(self.by_label) < 2:
            raise DataError(
                f"the objective '{context.name}' needs two labels with two utterances each, and finds "
                f"{len(self.by_label)} ('{self.field}' in {', '.join(params.corpora)})"
            )
        self.labels = list(self.by_label)
        self.rows = [(n, i) for n, label in enumerate(self.labels) for i in range(len(self.by_label[label]))]
        self.dev = [(text, label) for text, label in dev if label in self.by_label]
        if not self.dev:
            raise DataError(f"the objective '{context.name}' has no utterance to measure on: name some with dev")

    def _labelled(self, paths: Sequence[str], context: ObjectiveContext) -> list[tuple[str, str]]:
        found: dict[str, str] = {}
        for path in paths:
            for example in context.read(context.path(path)):
                label = self._label(example)
                if label is None:
                    self.dropped[f"without {self.field}"] += 1
                elif example.text in found:
                    self.dropped["there already" if found[example.text] == label else "text with several labels"] += 1
                else:
                    found[example.text] = label
        return list(found.items())

    def _label(self, example: Example) -> str | None:
        label = example.get(self.field)
        return None if label is None else " + ".join(label) if isinstance(label, (list, tuple)) else str(label)

    def __len__(self) -> int:
        return len(self.rows)

    def item(self, index: int, generator: np.random.Generator) -> Item:
        number, own = self.rows[index]
        texts = self.by_label[self.labels[number]]
        other = int(generator.integers(len(texts) - 1))
        pair = (texts[own], texts[other + (other >= own)])
        return Item(encodings=self.tokenizer.encode(pair), targets={LABEL: np.array(number)})

    def forward(self, encoded: Encoded, targets: Mapping[str, Tensor], backbone: Backbone) -> Tensor:
        vectors_ND = F.normalize(encoded.pooled_BD.float(), dim=-1)
        label_N = targets[LABEL].repeat_interleave(2)
        itself_NN = torch.eye(len(label_N), dtype=torch.bool, device=label_N.device)
        scores_NN = (vectors_ND @ vectors_ND.T / self.temperature).masked_fill(itself_NN, -torch.inf)
        logs_NN = scores_NN.log_softmax(1)
        positive_NN = (label_N[:, None] == label_N[None, :]) & ~itself_NN
        mean_N = logs_NN.masked_fill(~positive_NN, 0.0).sum(1) / positive_NN.sum(1)
        return -mean_N.sum() / 2

    def evaluate(self, backbone: Backbone, split: Split) -> Mapping[str, float]:
        if split == "test":
            return {}
        texts = [text for label in self.labels for text in self.by_label[label]]
        owners = np.array([number for number, _ in self.rows])
        known = sentence_vectors(backbone, self.tokenizer.encode(texts))
        asked = sentence_vectors(backbone, self.tokenizer.encode([text for text, _ in self.dev]))
        known /= np.maximum(np.linalg.norm(known, axis=1, keepdims=True), 1e-12)
        right = [
            self.labels[owners[int((known @ vector).argmax())]] == label
            for vector, (_, label) in zip(asked, self.dev, strict=True)
        ]
        return {"nearest": float(np.mean(right))}

    def report(self) -> DataReport:
        return DataReport(
            counts={"utterances": len(self.rows), "labels": len(self.labels), "held out": len(self.dev)},
            dropped=dict(self.dropped),
            examples=[f"{label}: {self.by_label[label][0]}" for label in self.labels[:3]],
        )
