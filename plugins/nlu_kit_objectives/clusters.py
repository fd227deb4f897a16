"""Pairs as a whole: what means the same (clusters of paraphrases), what is known to differ, and triplets of these."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nlu_kit.plugin import DataError, DataReport, ObjectiveContext
from nlu_kit_objectives import PairParams
from nlu_kit_objectives.pairs import Pair, PairFile

MOST_HELD_OUT = 1000
_SOME = 200


@dataclass(frozen=True, slots=True)
class Known:
    """Pairs that mean the same, by the numbers of their sentences; ``cluster`` [N] says which sentences do, directly or
    by way of others; ``differs``: by sentence, those that are said to mean something else."""

    sentences: Sequence[str]
    paraphrases: Sequence[tuple[int, int]]
    cluster: np.ndarray
    differs: dict[int, list[int]]

    def triplets(self) -> list[tuple[int, int, int]]:
        """(sentence, paraphrase, a sentence that is said to differ), for each paraphrase and each of its sides that has
        one."""
        return [
            (anchor, positive, self.differs[anchor][0])
            for pair in self.paraphrases
            for anchor, positive in (pair, pair[::-1])
            if self.differs.get(anchor)
        ]


class PairData:
    """The pairs of an objective, by split, and what became of their rows."""

    def __init__(self, params: PairParams, context: ObjectiveContext) -> None:
        """Raises DataError for files that can't be read or hold no pair."""
        self.params, self.tokenizer = params, context.tokenizer
        self.dropped: Counter[str] = Counter()
        train = self._read(map(context.path, params.train))
        if not train:
            raise DataError(f"the objective '{context.name}' finds no pair in {', '.join(params.train)}: {self._why()}")
        self.dev = self._read(map(context.path, params.dev), split="dev: ")
        self.test = self._read(map(context.path, params.test), split="test: ")
        if not params.dev:
            order = np.random.default_rng(context.seed).permutation(len(train)).tolist()
            kept = min(MOST_HELD_OUT, len(train) // 10)
            self.dev, train = [train[i] for i in order[:kept]], [train[i] for i in sorted(order[kept:])]
        if not self.dev:
            raise DataError(
                f"the objective '{context.name}' has too few pairs to hold some out: give 10, or name some with dev"
            )
        self.train = train

    def known(self, pairs: Sequence[Pair], *, counting: bool = False) -> Known:
        """Who means the same, and who does not. With ``counting``, contradictions go into the report."""
        numbers: dict[str, int] = {}
        for pair in pairs:
            for text in (pair.first, pair.second, *([pair.other] if pair.other else [])):
                numbers.setdefault(text, len(numbers))
        parents = list(range(len(numbers)))
        paraphrases: list[tuple[int, int]] = []
        different: list[tuple[int, int]] = []
        for pair in pairs:
            first, second = numbers[pair.first], numbers[pair.second]
            same = self.same(pair)
            if same and first != second:
                paraphrases.append((first, second))
                parents[_root(parents, first)] = _root(parents, second)
            elif same is False:
                different.append((first, second))
            if pair.other:
                different.append((first, numbers[pair.other]))
        cluster = np.array([_root(parents, number) for number in range(len(parents))], dtype=np.int64)
        differs: dict[int, list[int]] = defaultdict(list)
        for first, second in different:
            if cluster[first] == cluster[second]:
                self.dropped["said to differ, but the same by way of other pairs"] += counting
                continue
            differs[first].append(second)
            differs[second].append(first)
        return Known(list(numbers), paraphrases, cluster, dict(differs))

    def same(self, pair: Pair) -> bool | None:
        """What the pair says: the same, different, or neither."""
        if pair.same is not None:
            return pair.same
        assert pair.score is not None, "a pair says one or the other"
        return True if pair.score >= self.params.similar else False if pair.score <= self.params.different else None

    def report(self, items: int, what: str, examples: Sequence[str]) -> DataReport:
        """``items`` is what the objective makes of the pairs, called ``what``."""
        some = [pair.first for pair in self.train[:: max(1, len(self.train) // _SOME)]]
        lengths = sorted(map(len, self.tokenizer.encode(some)))
        counts = {what: items, "pairs": len(self.train), "held out": len(self.dev), "test": len(self.test)}
        counts["tokens a sentence, in the middle"] = lengths[len(lengths) // 2]
        return DataReport(counts=counts, dropped={why: n for why, n in self.dropped.items() if n}, examples=examples)

    def _read(self, paths: Iterable[Path], *, split: str = "") -> list[Pair]:
        dropped: Counter[str] = Counter()
        found: dict[tuple[str, str, str | None], Pair] = {}
        contradicting: set[tuple[str, str, str | None]] = set()
        for path in paths:
            file = PairFile(path, highest_score=self.params.highest_score)
            for pair in file.pairs():
                first, second = sorted((pair.first, pair.second))
                key = (first, second, pair.other)
                before = found.setdefault(key, pair)
                if before is pair:
                    continue
                said, again = self.same(before), self.same(pair)
                if said is not None and again is not None and said != again:
                    contradicting.add(key)
                else:
                    dropped["there already"] += 1
            dropped += file.dropped
        dropped["pairs with contradicting labels"] += len(contradicting)
        self.dropped.update({split + reason: count for reason, count in dropped.items() if count})
        return [pair for key, pair in found.items() if key not in contradicting]

    def _why(self) -> str:
        return ", ".join(f"{count} x {reason}" for reason, count in self.dropped.items()) or "there is no row"


def _root(parents: list[int], number: int) -> int:
    while parents[number] != number:
        parents[number] = parents[parents[number]]
        number = parents[number]
    return number
