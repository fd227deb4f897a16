"""Texts to learn from, more than memory need hold: they lie in a file without a name, and are read one by one."""

from __future__ import annotations

import tempfile
from array import array
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from nlu_kit.plugin import DataError, DataReport, Encoding, ObjectiveContext, holds_plain_texts, plain_texts
from nlu_kit_objectives import TextParams

LEAST, MOST = 100, 1000


class TextStore:
    """Texts by number. Only where each begins is in memory."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as this does
        self._ends = array("q", [0])
        for text in texts:
            written = self._file.write(text.encode("utf-8", "replace"))
            self._ends.append(self._ends[-1] + written)
        self._file.flush()

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __getitem__(self, index: int) -> str:
        begin, end = self._ends[index], self._ends[index + 1]
        self._file.seek(begin)
        return self._file.read(end - begin).decode("utf-8")


class Texts:
    """The texts of an objective: those to learn from, and those held out to measure on."""

    def __init__(self, params: TextParams, context: ObjectiveContext) -> None:
        """Raises DataError for a file that can't be read, or where there is no text."""
        self.context = context
        self._dropped: dict[str, int] = {}
        self.store = TextStore(self._unique(self._all(params)))
        if not len(self.store):
            named = ", ".join([*params.texts, *params.corpora])
            raise DataError(f"the objective '{context.name}' finds no text in {named}")
        if params.dev:
            self.train: Sequence[int] = range(len(self.store))
            self.dev = context.tokenizer.encode(list(self._dev(params.dev))[:MOST])
        else:
            order = np.random.default_rng(context.seed).permutation(len(self.store)).tolist()
            kept = min(MOST, max(LEAST, len(order) // 100)) if len(order) >= 2 * LEAST else 0
            self.train = order[kept:]
            self.dev = context.tokenizer.encode([self.store[index] for index in order[:kept]])
        if not self.dev:
            raise DataError(
                f"the objective '{context.name}' has {len(self.store)} texts, too few to hold some out: give "
                f"{2 * LEAST}, or name some with dev"
            )

    def __len__(self) -> int:
        return len(self.train)

    def encoding(self, index: int) -> Encoding:
        """The text with this number among those to learn from."""
        return self.context.tokenizer.encode([self.store[self.train[index]]])[0]

    def report(self) -> DataReport:
        """How many texts, how many tokens they have, and what was left out."""
        some = [self.encoding(index) for index in range(0, len(self), max(1, len(self) // LEAST))]
        lengths = sorted(map(len, some))
        counts = {
            "texts": len(self),
            "held out": len(self.dev),
            "tokens a text, in the middle": lengths[len(lengths) // 2],
            "tokens a text, at most (of some)": lengths[-1],
        }
        if cut := sum(encoding.truncated for encoding in [*some, *self.dev]):
            counts["longer than the encoder reads (of some)"] = cut
        return DataReport(counts=counts, dropped=self._dropped, examples=[encoding.text for encoding in some[:3]])

    def _all(self, params: TextParams) -> Iterator[str]:
        for path in params.texts:
            yield from plain_texts(self.context.path(path))
        for path in params.corpora:
            yield from (example.text for example in self.context.read(self.context.path(path)))

    def _dev(self, paths: Sequence[str]) -> Iterator[str]:
        for path in map(self.context.path, paths):
            if holds_plain_texts(path):
                yield from plain_texts(path)
            else:
                yield from (example.text for example in self.context.read(path))

    def _unique(self, texts: Iterable[str]) -> Iterator[str]:
        """Each text once, by its hash, and none that is blank."""
        seen: set[int] = set()
        for text in texts:
            known = hash(text)
            reason = "empty" if not text.strip() else "there already" if known in seen else ""
            if reason:
                self._dropped[reason] = self._dropped.get(reason, 0) + 1
                continue
            seen.add(known)
            yield text
