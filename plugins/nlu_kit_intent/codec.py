"""Labels that need no example, if there is a text for them."""

from __future__ import annotations

from collections.abc import Sequence

from nlu_kit.plugin import Example, LabelCodec, LabelSpace, NothingToLearnError
from nlu_kit_intent import PrototypeParams


class PrototypeCodec(LabelCodec[PrototypeParams]):
    """The labels of train, and those that `label_texts` has a text for."""

    def fit_labels(self, examples: Sequence[Example]) -> LabelSpace:
        """Every label, sorted. Raises NothingToLearnError where no example has one and there are no texts either."""
        try:
            found = super().fit_labels(examples)
        except NothingToLearnError:
            if not self.given_texts:
                raise
            found = LabelSpace(())
        return LabelSpace.fit([*found.names, *self.given_texts])
