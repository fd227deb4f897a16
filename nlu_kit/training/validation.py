"""Predict a dataset with the model as it is now, over all processes, and score it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, TypeVar

import torch
from accelerate import Accelerator
from accelerate.utils import gather_object

from nlu_kit.data.batch import collate
from nlu_kit.data.dataset import EncodedDataset
from nlu_kit.data.encoding import Encoding
from nlu_kit.data.example import Example
from nlu_kit.data.prediction import Prediction
from nlu_kit.heads.codec import Codecs
from nlu_kit.model.compute import Computed, each
from nlu_kit.model.confidence import calibrated_states
from nlu_kit.model.correction import Batches, corrected, corrections
from nlu_kit.model.decode import decode
from nlu_kit.model.detector import Scope
from nlu_kit.model.nlu_model import NluModel, Objective, compute, compute_each, predict
from nlu_kit.model.score import main_metrics, monitored, score
from nlu_kit.plugin.events import Sample
from nlu_kit.training.prior import PriorCorrection
from nlu_kit.training.static import StaticLayers
from nlu_kit.training.trainer import Validation

T = TypeVar("T")


def dry_run(model: NluModel, codecs: Codecs, dev: EncodedDataset, *, monitor: str) -> None:
    """Raise now what validation would raise after the first epoch (dev gives no figure called ``monitor``), and
    calibration after the last.

    For each head, the example with the most annotations is enough for that.
    """
    golds = [[codec.gold(example) or {} for example in dev.examples] for codec in codecs.values()]
    chosen = sorted({max(range(len(dev)), key=lambda i: _annotations(gold[i])) for gold in golds})
    encodings = [dev.encodings[i] for i in chosen]
    found = predict(model, codecs, encodings, batch_size=len(chosen))
    monitored(score(codecs, [dev.examples[i] for i in chosen], found), monitor, codecs)
    computed = compute_each(model, encodings, batch_size=len(chosen))
    calibrated_states(codecs, computed, [dev.targets[i] for i in chosen])


class Validator:
    """Validates on dev after each epoch, and predicts for the final test. Always fp32, as in production."""

    def __init__(
        self,
        *,
        accelerator: Accelerator,
        objective: Objective,
        codecs: Codecs,
        batch_size: int,
        monitor: str,
        samples: int,
        validated: int = 0,
        static: StaticLayers,
        correction: PriorCorrection,
    ) -> None:
        self.static, self.correction = static, correction
        self.accelerator, self.objective, self.model, self.codecs = accelerator, objective, objective.model, codecs
        self._validated = validated
        self.batch_size, self.monitor, self.samples = batch_size, monitor, samples

    def _decoded(self, dataset: EncodedDataset, batches: Batches) -> list[Prediction]:
        """Predictions in the order of the dataset, as the model would make them if training ended here: with what it
        added to the logits taken back. ``batches`` are what the network makes of it."""
        taken = corrections(self.correction.shifts, self.correction.shares(self.codecs, batches, dataset))
        found: dict[int, Prediction] = {}
        for positions, computed in batches:
            right = corrected(computed, taken)
            encodings = [dataset.encodings[position] for position in positions]
            found |= zip(positions, decode(right.outputs, right.vectors, self.codecs, encodings), strict=True)
        return [found[position] for position in range(len(dataset))]

    def batches(
        self, encodings: Sequence[Encoding], *, heads: Collection[str] | None = None
    ) -> list[tuple[Sequence[int], Computed]]:
        """(positions among ``encodings``, what the network makes of these, by all ``heads`` or just these), batch by
        batch. The texts are of train or dev; every process works on its share, and gets all."""
        rank, processes = self.accelerator.process_index, self.accelerator.num_processes
        places = range(rank, len(encodings), processes)
        own = [encodings[place] for place in places]
        computing = compute(self.model, own, batch_size=self.batch_size, attach=self.static.attach, heads=heads)
        found: list[tuple[Sequence[int], Computed]] = [
            ([places[position] for position in positions], computed) for positions, computed in computing
        ]
        return list(gather_object(found)) if processes > 1 else found

    def compute(self, encodings: Sequence[Encoding], *, heads: Collection[str] | None = None) -> list[Computed]:
        """The same, text by text."""
        return each(self.batches(encodings, heads=heads))

    def compare(
        self, dataset: EncodedDataset, plain: Codecs, codecs: Codecs, scope: Scope | None
    ) -> tuple[list[Prediction], list[Prediction]]:
        """(predictions of the codecs before calibration, those of the calibrated ones with the detector)."""

        def own(encodings: Sequence[Encoding]) -> list[tuple[Prediction, Prediction]]:
            rows: dict[int, tuple[Prediction, Prediction]] = {}
            for positions, computed in compute(self.model, encodings, batch_size=self.batch_size):
                batch = [encodings[position] for position in positions]
                before = decode(computed.outputs, computed.vectors, plain, batch)
                after = decode(computed.outputs, computed.vectors, codecs, batch, scope)
                rows |= zip(positions, zip(before, after, strict=True), strict=True)
            return [rows[position] for position in range(len(encodings))]

        pairs = self._shared(dataset.encodings, own)
        return [before for before, _ in pairs], [after for _, after in pairs]

    def _shared(self, encodings: Sequence[Encoding], work: Callable[[Sequence[Encoding]], list[T]]) -> list[T]:
        """One result for each text, in their order. Each process works on its share, and gets the others' results."""
        rank, processes = self.accelerator.process_index, self.accelerator.num_processes
        own = range(rank, len(encodings), processes)
        pairs = list(zip(own, work([encodings[i] for i in own]), strict=True))
        if processes > 1:
            pairs = gather_object(pairs)
        return [result for _, result in sorted(pairs, key=lambda pair: pair[0])]

    def _loss(self, dataset: EncodedDataset, batches: Batches) -> float:
        """The heads' mean losses by the annotation, added up."""
        sums = dict.fromkeys(self.objective.losses, 0.0)
        denominators = dict(sums)
        device = self.accelerator.device
        for positions, computed in batches:
            targets = collate(dataset, positions, pad_id=self.model.backbone.pad_id, device=device).targets
            for head, loss in self.objective.losses.items():
                outputs = {name: torch.from_numpy(a).to(device) for name, a in computed.outputs[head].items()}
                with torch.inference_mode():
                    sums[head] += float(loss(outputs, targets[head]))
                    denominators[head] += float(loss.denominator(targets[head]))  # type: ignore[operator]
        return sum(sums[head] / denominators[head] for head in sums if denominators[head])

    def validate(self, dev: EncodedDataset) -> Validation:
        """Figures, the monitored one, the loss, and a few decoded utterances for the sanity print."""
        batches = self.batches(dev.encodings)
        predictions = self._decoded(dev, batches)
        scores = score(self.codecs, dev.examples, predictions)
        return Validation(
            scores=scores,
            main=[name for name in main_metrics(self.codecs) if name in scores],
            score=monitored(scores, self.monitor, self.codecs),
            loss=self._loss(dev, batches),
            samples=[self._sample(dev, position, predictions[position]) for position in self._chosen(dev)],
        )

    def _chosen(self, dev: EncodedDataset) -> Sequence[int]:
        """Utterances spread over dev, others in every epoch: of each stretch those with the most annotations first."""
        count = min(self.samples, len(dev))
        chosen = []
        for stretch in (range(len(dev) * i // count, len(dev) * (i + 1) // count) for i in range(count)):
            ranked = sorted(stretch, key=lambda i: -_annotations(self._gold(dev.examples[i])))
            chosen.append(ranked[self._validated % len(ranked)])
        self._validated += 1
        return chosen

    def _sample(self, dev: EncodedDataset, position: int, prediction: Prediction) -> Sample:
        return Sample(gold=self._gold(dev.examples[position]), prediction=prediction)

    def _gold(self, example: Example) -> dict[str, Any]:
        return {field: value for codec in self.codecs.values() for field, value in (codec.gold(example) or {}).items()}


def _annotations(gold: Mapping[str, Any]) -> int:
    """How much there is to see: every label, and every item of a list."""
    return sum(len(value) if isinstance(value, tuple) else 1 for value in gold.values())
