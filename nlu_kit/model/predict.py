"""From encoded texts to predictions: one path for validation, the sanity print, and the predictor."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch

from nlu_kit.data.batch import TokenBatch, collate_tokens
from nlu_kit.data.encoding import Encoding
from nlu_kit.data.prediction import Prediction
from nlu_kit.errors import ModelError
from nlu_kit.model.nlu_model import NluModel
from nlu_kit.model.protocols import Codec


@torch.inference_mode()
def predict(
    model: NluModel,
    codecs: Mapping[str, Codec],
    encodings: Sequence[Encoding],
    *,
    batch_size: int,
    attach: Callable[[TokenBatch, Sequence[Encoding]], TokenBatch] | None = None,
) -> list[Prediction]:
    """Predictions in the order of ``encodings``. Texts of like length share a batch; the model is left in eval mode.
    ``attach`` may add what static layers put out."""
    model.eval()
    device = next(model.parameters()).device
    order = sorted(range(len(encodings)), key=lambda position: len(encodings[position]))
    results: dict[int, Prediction] = {}
    for start in range(0, len(order), batch_size):
        positions = order[start : start + batch_size]
        batch = [encodings[position] for position in positions]
        tokens = collate_tokens(batch, pad_id=model.backbone.pad_id, device=device)
        outputs = model(tokens if attach is None else attach(tokens, batch))
        for position, prediction in zip(positions, decode(outputs, codecs, batch), strict=True):
            results[position] = prediction
    return [results[position] for position in range(len(encodings))]


def decode(
    outputs: Mapping[str, Mapping[str, torch.Tensor]], codecs: Mapping[str, Codec], encodings: Sequence[Encoding]
) -> list[Prediction]:
    """Hand every head's outputs to its codec as float32 numpy arrays and join the fields.

    Raises ModelError where an output is no number: weights that training ruined would otherwise pass for a model.
    """
    by_head = []
    for name, codec in codecs.items():
        arrays = {key: value.float().cpu().numpy() for key, value in outputs[name].items()}
        if not all(np.isfinite(array).all() for array in arrays.values()):
            raise ModelError(f"the head '{name}' gives outputs that are no numbers: train with lower learning rates")
        by_head.append(codec.decode(arrays, encodings))
    return [
        Prediction(
            text=encoding.text,
            truncated=encoding.truncated,
            fields={field: value for fields in per_head for field, value in fields.items()},
        )
        for encoding, *per_head in zip(encodings, *by_head, strict=True)
    ]
