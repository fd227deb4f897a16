"""Which words are hidden, and by what: whole words (Devlin et al. 2019), or spans of them (Joshi et al. 2020,
"SpanBERT").

Of what is hidden, 80 % becomes the mask token, 10 % random tokens, and 10 % stays: so the encoder can't tell by the
mask alone where it has to guess. A word, or with spans a span, shares one fate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from nlu_kit.plugin import IGNORE, Encoding, Item, ModelError, ObjectiveContext

MASKED, RANDOM = 0.8, 0.1
LABELS, LEFT, RIGHT, PLACE = "labels", "left", "right", "place"


class Masker:
    """Hides words or spans of a text."""

    def __init__(self, context: ObjectiveContext, *, share: float) -> None:
        """Raises ModelError where the encoder's tokenizer has no mask token."""
        if context.tokenizer.mask_id is None:
            raise ModelError(f"the objective '{context.name}': the encoder's tokenizer has no mask token")
        self.mask_id = context.tokenizer.mask_id
        self.random_ids = context.tokenizer.ordinary_ids
        self.share = share

    def words(self, encoding: Encoding, generator: np.random.Generator) -> Item:
        """``labels`` [T]: what each token was where it is to be guessed, else IGNORE."""
        order = generator.permutation(len(encoding.words))
        spans = self._within_budget([(int(word), int(word) + 1) for word in order], encoding)
        ids, labels = self._hide(encoding, spans, generator)
        return Item(encodings=[replace(encoding, ids=tuple(ids.tolist()))], targets={LABELS: labels})

    def spans(self, encoding: Encoding, generator: np.random.Generator, *, stop: float, longest: int) -> Item:
        """As ``words``, and for each token to be guessed ``left`` and ``right`` [T], the tokens around its span, and
        ``place`` [T], its place in the span, from 0."""
        count = len(encoding.words)
        drawn: list[tuple[int, int]] = []
        taken = np.zeros(count, dtype=bool)
        for begin in generator.permutation(count):
            end = min(int(begin) + min(int(generator.geometric(stop)), longest), count)
            if not taken[max(begin - 1, 0) : end + 1].any():  # a word between two spans, so that each has its own edges
                taken[begin:end] = True
                drawn.append((int(begin), end))
        spans = self._within_budget(drawn, encoding)
        ids, labels = self._hide(encoding, spans, generator)
        targets = {LABELS: labels} | {name: np.zeros_like(labels) for name in (LEFT, RIGHT, PLACE)}
        for begin, end in spans:
            first, last = encoding.words[begin].token, encoding.words[end - 1].stop
            targets[LEFT][first:last] = first - 1
            targets[RIGHT][first:last] = last
            targets[PLACE][first:last] = np.arange(last - first)
        return Item(encodings=[replace(encoding, ids=tuple(ids.tolist()))], targets=targets)

    def _within_budget(self, spans: Sequence[tuple[int, int]], encoding: Encoding) -> list[tuple[int, int]]:
        """As many spans of words, from the first on, as make up the share of the tokens; one at least, if there is
        any."""
        budget = max(1.0, self.share * len(encoding))
        kept: list[tuple[int, int]] = []
        tokens = 0
        for begin, end in spans:
            size = encoding.words[end - 1].stop - encoding.words[begin].token
            if kept and tokens + size > budget:
                continue
            kept.append((begin, end))
            tokens += size
            if tokens >= budget:
                break
        return kept

    def _hide(
        self, encoding: Encoding, spans: Sequence[tuple[int, int]], generator: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """(ids with the spans hidden, labels), both int64 [T]."""
        ids = np.array(encoding.ids, dtype=np.int64)
        labels = np.full(len(ids), IGNORE, dtype=np.int64)
        for begin, end in spans:
            tokens = slice(encoding.words[begin].token, encoding.words[end - 1].stop)
            labels[tokens] = ids[tokens]
            fate = generator.random()
            if fate < MASKED:
                ids[tokens] = self.mask_id
            elif fate < MASKED + RANDOM:
                ids[tokens] = generator.choice(self.random_ids, size=len(ids[tokens]))
        return ids, labels
