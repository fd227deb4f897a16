"""The torch-free half of the `crf_ner` head: `ner`'s, with learned transitions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from nlu_kit.data.encoding import Encoding
from nlu_kit.data.example import Example
from nlu_kit.specs import CodecContext
from nlu_kit_ner.codec import NerCodec
from nlu_kit_ner.lattice import Lattice, marginals
from nlu_kit_ner.params import CrfNerParams
from nlu_kit_ner.tags import legal_tags

TRANSITIONS = "transitions"


class CrfNerCodec(NerCodec):
    """As ``NerCodec``; words' probabilities are marginals over all legal sequences.

    The state's ``transitions`` hold ``start`` [C], ``steps`` [C][C] (from, to) and ``end`` [C].
    """

    def __init__(self, params: CrfNerParams, context: CodecContext) -> None:
        super().__init__(params, context)
        self.lattice = Lattice.of(legal_tags(self.labels.names, self.scheme), context.state.get(TRANSITIONS))

    def targets(self, example: Example, encoding: Encoding) -> Mapping[str, np.ndarray]:
        """``labels`` [T] as for `ner`; and ``tokens`` [W], where each word's first subword is among the T."""
        tokens = np.array([word.token for word in encoding.words], dtype=np.int64)
        return {**super().targets(example, encoding), "tokens": tokens}

    def probabilities(self, scores: Sequence[np.ndarray], temperature: float) -> list[np.ndarray]:
        """Marginals [W, C] of the chain whose scores, transitions included, are divided by the temperature."""
        return marginals([rows / temperature for rows in scores], self.lattice.divided(temperature))

    def places(self, target: Mapping[str, np.ndarray]) -> np.ndarray:
        return target["tokens"]
