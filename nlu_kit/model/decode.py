"""From what the network puts out, as numpy arrays, to predictions. No torch: every runtime decodes with this."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nlu_kit.data.encoding import Encoding
from nlu_kit.data.prediction import Prediction
from nlu_kit.errors import ModelError, PluginError
from nlu_kit.heads.codec import Codec, Codecs
from nlu_kit.model.detector import Scope


def decode(
    outputs: Mapping[str, Mapping[str, np.ndarray]],
    vectors: np.ndarray,
    codecs: Codecs,
    encodings: Sequence[Encoding],
    scope: Scope | None = None,
) -> list[Prediction]:
    """Hand every head's outputs [B, …] to its codec and join the fields; the detector's come last.

    ``vectors`` [B, D] are the sentence vectors. A codec that reads other heads comes after them (as ``build_codecs``
    orders them). Raises PluginError for one that does not fill its fields, ModelError where an output is no number:
    weights that training ruined would otherwise pass for a model.
    """
    decoded: dict[str, Sequence[Mapping[str, Any]]] = {}
    for name, codec in codecs.items():
        if not all(np.isfinite(array).all() for array in outputs[name].values()):
            raise ModelError(f"the head '{name}' gives outputs that are no numbers: train with lower learning rates")
        if codec.reads:
            others = [{head: decoded[head][row] for head in codec.reads} for row in range(len(encodings))]
            decoded[name] = codec.decode_reading(outputs[name], encodings, others)
        else:
            decoded[name] = codec.decode(outputs[name], encodings)
        _check_fields(name, codec, decoded[name])
    by_head = list(decoded.values())
    if scope is not None:
        by_head.append(scope.fields(outputs, vectors))
    return [
        Prediction(
            text=encoding.text,
            truncated=encoding.truncated,
            fields={field: value for fields in per_head for field, value in fields.items()},
        )
        for encoding, *per_head in zip(encodings, *by_head, strict=True)
    ]


def _check_fields(name: str, codec: Codec[Any], decoded: Sequence[Mapping[str, Any]]) -> None:
    """Raise PluginError where a prediction lacks a field, or has one that the codec does not name."""
    for fields in decoded:
        if fields.keys() != set(codec.fields):
            raise PluginError(
                f"contract: the head '{name}' decodes the fields {', '.join(fields) or 'none'}, and says that it fills "
                f"{', '.join(codec.fields)}; nlu-kit plugins check tries its head"
            )
