"""Learn from a trained model, too: its softened outputs (Hinton et al. 2015, "Distilling the Knowledge in a Neural
Network").

The teacher answers every text once, before the first step. Its logits become targets of their own, placed where the
student's tokens of the same words are, so that the two may have different tokenizers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from nlu_kit.config.pipeline import Pipeline
from nlu_kit.config.schema import TeacherConfig
from nlu_kit.corpus.read import read_any
from nlu_kit.data.batch import Batch
from nlu_kit.data.dataset import EncodedDataset, Targets
from nlu_kit.data.encoding import Encoding
from nlu_kit.data.example import Example
from nlu_kit.data.labels import LabelSpace
from nlu_kit.data.lines import holds_plain_texts, plain_texts
from nlu_kit.errors import ConfigError, Problem
from nlu_kit.model.correction import LOGITS
from nlu_kit.model.folder import SavedModel, open_model
from nlu_kit.model.nlu_model import NluModel, Objective, compute_each
from nlu_kit.plugin.modules import Balancing
from nlu_kit.runtime.torch_runtime import restore_model

TARGET, SUFFIX = "teacher", ".teacher"
_BATCH = 64


def unlabelled_examples(pipeline: Pipeline) -> list[Example]:
    """The texts that only the teacher answers. Raises DataError where they can't be read."""
    teacher = pipeline.training.teacher
    texts: dict[str, None] = {}
    for named in [] if teacher is None else teacher.unlabelled:
        path = pipeline.path(named)
        found = (
            plain_texts(path)
            if holds_plain_texts(path)
            else (example.text for example in read_any(path, pipeline.registry))
        )
        texts |= dict.fromkeys(found)
    return [Example(text=text) for text in texts if text.strip()]


def with_answers(
    pipeline: Pipeline, teacher: TeacherConfig, train: EncodedDataset, labels: Mapping[str, LabelSpace]
) -> tuple[EncodedDataset, list[str]]:
    """The dataset with the teacher's logits among the targets, and the heads that have some.

    Raises ConfigError for a teacher that has none of the heads, or other labels; ModelError for one that can't be read.
    """
    saved = open_model(pipeline.path(teacher.model), pipeline.registry)
    shared = _shared_heads(saved, labels)
    model = restore_model(saved)
    encodings = model.backbone.tokenizer.encode([example.text for example in train.examples])
    answers = compute_each(model, encodings, batch_size=_BATCH, heads=shared)
    taught = [head for head in shared if LOGITS in answers[0].outputs[head]]
    if not taught:
        message = f"none of its heads gives logits: {', '.join(shared)}"
        raise ConfigError([Problem("training.teacher.model", message, "take a teacher with heads like intent or ner")])
    columns = {head: _columns(saved.labels[head], labels[head]) for head in taught}
    targets: list[Targets] = []
    for row, own in enumerate(train.targets):
        added: dict[str, Mapping[str, np.ndarray]] = dict(own)
        for head in taught:
            logits = answers[row].outputs[head][LOGITS][..., columns[head]]
            if logits.ndim == 2:  # of each token
                logits = _placed(logits, encodings[row], train.encodings[row])
            added[head] = {**own[head], TARGET: logits.astype(np.float32)}
        targets.append(added)
    return replace(train, targets=targets), taught


def _shared_heads(saved: SavedModel, labels: Mapping[str, LabelSpace]) -> list[str]:
    problems = []
    for head in labels:
        if head in saved.labels and set(saved.labels[head].names) != set(labels[head].names):
            differing = sorted(set(saved.labels[head].names) ^ set(labels[head].names))
            message = f"the teacher's head '{head}' has other labels; these are not in both: {', '.join(differing[:5])}"
            hint = "train the teacher on data with the same labels"
            problems.append(Problem("training.teacher.model", message, hint))
    shared = [head for head in labels if head in saved.labels]
    if not shared:
        hint = f"its heads: {', '.join(saved.labels)}; yours: {', '.join(labels)}"
        problems.append(Problem("training.teacher.model", "the teacher has none of the pipeline's heads", hint))
    if problems:
        raise ConfigError(problems)
    return shared


def _columns(theirs: LabelSpace, ours: LabelSpace) -> np.ndarray:
    """Where the teacher has our classes."""
    place = {name: position for position, name in enumerate(theirs.names)}
    return np.array([place[name] for name in ours.names])


def _placed(logits_TC: np.ndarray, theirs: Encoding, ours: Encoding) -> np.ndarray:
    """The logits of each word's first token at our first token of that word; NaN elsewhere."""
    placed = np.full((len(ours), logits_TC.shape[1]), np.nan, dtype=np.float32)
    tokens = {(word.start, word.end): word.token for word in theirs.words}
    for word in ours.words:
        if (word.start, word.end) in tokens:
            placed[word.token] = logits_TC[tokens[word.start, word.end]]
    return placed


class TaughtObjective(Objective):
    """Each taught head's loss is its annotation's and the teacher's, by ``weight``."""

    def __init__(self, plain: Objective, heads: Sequence[str], teacher: TeacherConfig) -> None:
        model: NluModel = plain.model
        balancing: Balancing = plain.balancing
        super().__init__(model, dict(plain.losses.items()), balancing)
        self.heads, self.weight, self.temperature = list(heads), teacher.weight, teacher.temperature

    def forward(
        self, batch: Batch, denominators: Mapping[str, Tensor], share: float
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """As ``Objective.forward``; what the teacher's part comes to is told under the head's name and ``.teacher``."""
        outputs = self.model(batch.tokens)
        losses = self.head_losses(outputs, batch, denominators)
        told = dict(losses)
        for head in self.heads:
            name = head + SUFFIX
            told[name] = self._divergence(outputs[head][LOGITS], batch.targets[head][TARGET]) / denominators[name]
            losses[head] = (1 - self.weight) * losses[head] + self.weight * told[name]
        return self.balancing(losses, share=share), told

    def denominators(self, batch: Batch) -> dict[str, Tensor]:
        """Of the teacher's parts: how many sentences, or words, it has answered."""
        answered = {head + SUFFIX: _answered(batch.targets[head][TARGET]).sum().float() for head in self.heads}
        return {**super().denominators(batch), **answered}

    def _divergence(self, logits: Tensor, taught: Tensor) -> Tensor:
        """KL divergence from the teacher's softened distribution to ours, summed; times the temperature squared, so
        that its gradients keep their size."""
        answered = _answered(taught)
        ours = F.log_softmax(logits[answered].float() / self.temperature, dim=-1)
        theirs = F.log_softmax(taught[answered] / self.temperature, dim=-1)
        divergence: Tensor = F.kl_div(ours, theirs, reduction="sum", log_target=True)
        return divergence * self.temperature**2


def _answered(taught: Tensor) -> Tensor:
    return ~torch.isnan(taught).any(dim=-1)
