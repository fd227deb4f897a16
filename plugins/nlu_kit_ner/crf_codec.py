"""The torch-free half of the `crf_ner` head: `ner`'s, with learned transitions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from nlu_kit.plugin import Encoding, Example
from nlu_kit_ner.codec import NerCodec
from nlu_kit_ner.lattice import Lattice, marginals
from nlu_kit_ner.params import CrfNerParams


class CrfNerCodec(NerCodec[CrfNerParams]):
    """As ``NerCodec``; words' probabilities are marginals over all legal sequences.

    The outputs ``start`` [B, C], ``steps`` [B, C, C] (from, to) and ``end`` [B, C] are what the head has learnt of
    transitions, the same for every text.
    """

    def lattice(self, outputs: Mapping[str, np.ndarray]) -> Lattice:
        return Lattice.of(self.legal, outputs)

    def targets(self, example: Example, encoding: Encoding) -> Mapping[str, np.ndarray]:
        """``labels`` [T] as for `ner`; and ``tokens`` [W], where each word's first subword is among the T."""
        tokens = np.array([word.token for word in encoding.words], dtype=np.int64)
        return {**super().targets(example, encoding), "tokens": tokens}

    def probabilities(self, scores: Sequence[np.ndarray], lattice: Lattice, temperature: float) -> list[np.ndarray]:
        """Marginals [W, C] of the chain whose scores, transitions included, are divided by the temperature."""
        return marginals([rows / temperature for rows in scores], lattice.divided(temperature))

    def places(self, target: Mapping[str, np.ndarray]) -> np.ndarray:
        return target["tokens"]
