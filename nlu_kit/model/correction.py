"""Decoding takes back what training did to how often classes occur. No torch.

Where rare classes weigh more, or are drawn more often, the network learns other priors than the data has: a class that
weighs ``w`` comes out with ``log w`` added to its logit, and is predicted too often. Subtracting that again keeps what
was learnt about rare classes, and gives decisions for the data as it is (Elkan 2001, "The Foundations of Cost-Sensitive
Learning"; Menon et al. 2021, "Long-tail learning via logit adjustment"). Which share of it to subtract, dev decides.

Shapes: B texts, N utterances, C the head's classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nlu_kit.data.encoding import Encoding
from nlu_kit.data.example import Example
from nlu_kit.heads.codec import Codec, Codecs
from nlu_kit.model.compute import Computed
from nlu_kit.model.description import Correction
from nlu_kit.model.score import head_counts

LOGITS = "logits"
WHOLE = 1.0
SHARES = (0.0, 0.25, 0.5, 0.75, WHOLE, 1.5)
"""Tried on dev; of those that do equally well, the least: a network that knows its few examples by heart does not say
what is rare too often, and needs none of it."""

Batches = Sequence[tuple[Sequence[int], Computed]]
"""(positions among the utterances, what the network makes of these)."""
Shifts = Mapping[str, np.ndarray]
"""By head [C]: what training adds to its logits."""


def corrected(computed: Computed, corrections: Mapping[str, Correction]) -> Computed:
    """With each head's correction taken off its logits [..., C]."""
    if not corrections:
        return computed
    outputs = {
        head: {**named, LOGITS: named[LOGITS] - corrections[head].array} if head in corrections else named
        for head, named in computed.outputs.items()
    }
    return Computed(outputs=outputs, vectors=computed.vectors)


def corrections(shifts: Shifts, shares: Mapping[str, float]) -> dict[str, Correction]:
    """What to take off, by head; heads with nothing to take off are absent."""
    return {
        head: Correction(share=shares[head], offsets=(shares[head] * shift).tolist())
        for head, shift in shifts.items()
        if shares[head]
    }


def fit_shares(
    shifts: Shifts, codecs: Codecs, batches: Batches, examples: Sequence[Example], encodings: Sequence[Encoding]
) -> dict[str, float]:
    """By head, the share of its shift without which its main metric is best on these examples; all of it, where they
    are not annotated for the head, or it reads what other heads predict."""
    fitted = dict.fromkeys(shifts, WHOLE)
    for head, shift in shifts.items():
        codec = codecs[head]
        if codec.reads or not all(np.isfinite(computed.outputs[head][LOGITS]).all() for _, computed in batches):
            continue  # what is no number, decoding says
        scores = {
            share: _main_metric(
                head,
                codec,
                examples,
                _decoded(head, codec, batches, encodings, corrections({head: shift}, {head: share})),
            )
            for share in SHARES
        }
        if scores[WHOLE] is not None:
            fitted[head] = max(SHARES, key=lambda share: scores[share] or 0.0)
    return fitted


def _decoded(
    head: str, codec: Codec[Any], batches: Batches, encodings: Sequence[Encoding], taken: Mapping[str, Correction]
) -> list[Mapping[str, object]]:
    found: dict[int, Mapping[str, object]] = {}
    for positions, computed in batches:
        outputs = corrected(computed, taken).outputs[head]
        found |= zip(positions, codec.decode(outputs, [encodings[p] for p in positions]), strict=True)
    return [found[position] for position in range(len(encodings))]


def _main_metric(
    head: str, codec: Codec[Any], examples: Sequence[Example], decoded: Sequence[Mapping[str, object]]
) -> float | None:
    counted = head_counts(head, codec, examples, decoded).get(f"{head}.{codec.main_metric}")
    return codec.figures(examples, decoded).get(codec.main_metric) if counted is None else counted.value
