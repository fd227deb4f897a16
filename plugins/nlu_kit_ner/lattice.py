"""Linear chains over tags: the best legal path, and each word's tag probabilities. numpy only.

Shapes: N texts, W words (of the longest), C tags. Texts are computed in batches, padded; those without words are left
out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nlu_kit_ner.tags import Legal

_CELLS = 1_000_000  # of the largest array that one step makes
_SPREAD = 200.0  # in nats; see `marginals`
Product = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True, slots=True)
class Lattice:
    """Scores of a chain: for starting with a tag [C], from a tag to the next [C, C], for ending [C]. float64.

    What is illegal is -inf: no finite score, however extreme, buys it.
    """

    start: np.ndarray
    steps: np.ndarray
    end: np.ndarray

    @classmethod
    def of(cls, legal: Legal, learned: Mapping[str, Any] | None = None) -> Lattice:
        """What is legal scores 0, or what was ``learned``: ``start``, ``steps``, ``end``."""
        if learned is None:
            learned = {"start": 0.0, "steps": 0.0, "end": 0.0}
        return cls(*(_legal_scores(getattr(legal, part), learned[part], part) for part in ("start", "steps", "end")))

    def divided(self, temperature: float) -> Lattice:
        return Lattice(self.start / temperature, self.steps / temperature, self.end / temperature)


def _legal_scores(legal: np.ndarray, learned: Any, part: str) -> np.ndarray:
    scores = np.asarray(learned, dtype=np.float64)
    if scores.ndim and scores.shape != legal.shape:
        raise ValueError(f"transitions.{part} has the shape {scores.shape}, and the tags ask for {legal.shape}")
    return np.where(legal, scores, -np.inf)


@dataclass(frozen=True, slots=True)
class _Chunk:
    """``scores`` [N, W, C], 0 beyond each text's ``lengths`` [N]; ``rows`` are its texts' places."""

    rows: Sequence[int]
    scores: np.ndarray
    lengths: np.ndarray

    @property
    def texts(self) -> np.ndarray:
        return np.arange(len(self.rows))


def best_paths(scores: Sequence[np.ndarray], lattice: Lattice) -> list[np.ndarray]:
    """The best path [W] of tag indices through each text's ``scores`` [W, C] (Viterbi 1967), in O(W C²).

    Where each word's best tag makes a path whose every step is as good as any, no other can be better, and nothing is
    searched: so it is for most texts, unless transitions are learned.
    """
    paths: list[np.ndarray] = [rows.argmax(axis=1) for rows in scores]
    highest = [part.max() for part in (lattice.start, lattice.steps, lattice.end)]
    left = [row for row, path in enumerate(paths) if len(path) and not _takes_the_best(path, lattice, highest)]
    for chunk in _chunks([scores[row] for row in left], cells_per_text=len(lattice.start) ** 2):
        for row, path, length in zip(chunk.rows, _viterbi(chunk, lattice), chunk.lengths, strict=True):
            paths[left[row]] = path[:length]
    return paths


def _takes_the_best(path: np.ndarray, lattice: Lattice, highest: Sequence[float]) -> bool:
    start, steps, end = highest
    inside = bool((lattice.steps[path[:-1], path[1:]] == steps).all())
    return inside and bool(lattice.start[path[0]] == start and lattice.end[path[-1]] == end)


def _viterbi(chunk: _Chunk, lattice: Lattice) -> np.ndarray:
    texts, (_, longest, classes) = chunk.texts, chunk.scores.shape
    arriving = np.ascontiguousarray(lattice.steps.T)  # (to, from): the axis to search lies together in memory
    back = np.broadcast_to(np.arange(classes), chunk.scores.shape).copy()  # beyond a text's end: stay
    best = lattice.start + chunk.scores[:, 0]
    for position in range(1, longest):
        candidates = best[:, None, :] + arriving
        origin = candidates.argmax(axis=2)
        reached = candidates.max(axis=2) + chunk.scores[:, position]
        going = (position < chunk.lengths)[:, None]
        back[:, position] = np.where(going, origin, back[:, position])
        best = np.where(going, reached, best)
    paths = np.zeros((len(texts), longest), dtype=np.int64)
    paths[:, -1] = (best + lattice.end).argmax(axis=1)
    for position in range(longest - 1, 0, -1):
        paths[:, position - 1] = back[texts, position, paths[:, position]]
    return paths


def marginals(scores: Sequence[np.ndarray], lattice: Lattice) -> list[np.ndarray]:
    """The probability of each tag at each word [W, C], over all legal paths, for each text's ``scores`` [W, C].

    Forward-backward (Rabiner 1989) in log space. A step is a product of matrices of exponentials, whose underflow
    loses paths that are e⁷⁰⁰ less likely than others; where scores are so far apart that these could count, each step
    is computed term by term instead.
    """
    classes = len(lattice.start)
    exact = _spread(scores, lattice) > _SPREAD
    forward, backward = (_log_product(steps, exact=exact) for steps in (lattice.steps, lattice.steps.T))
    found = [np.zeros((0, classes)) for _ in scores]
    longest = max(map(len, scores), default=0)
    for chunk in _chunks(scores, cells_per_text=classes * (classes if exact else longest)):
        logs = _forward(chunk, lattice, forward) + _backward(chunk, lattice, backward)
        probabilities = np.exp(logs - logs.max(axis=2, keepdims=True))
        probabilities /= probabilities.sum(axis=2, keepdims=True)
        for row, values, length in zip(chunk.rows, probabilities, chunk.lengths, strict=True):
            found[row] = values[:length]
    return found


def _forward(chunk: _Chunk, lattice: Lattice, product: Product) -> np.ndarray:
    """[N, W, C]: log of the summed paths up to a word that give it a tag."""
    logs = np.empty_like(chunk.scores)
    logs[:, 0] = lattice.start + chunk.scores[:, 0]
    for position in range(1, logs.shape[1]):
        logs[:, position] = product(logs[:, position - 1]) + chunk.scores[:, position]
    return logs


def _backward(chunk: _Chunk, lattice: Lattice, product: Product) -> np.ndarray:
    """[N, W, C]: log of the summed paths after a word, given its tag."""
    logs = np.empty_like(chunk.scores)
    logs[:, -1] = lattice.end
    for position in range(logs.shape[1] - 2, -1, -1):
        inside = (position + 1 < chunk.lengths)[:, None]
        logs[:, position] = np.where(
            inside, product(logs[:, position + 1] + chunk.scores[:, position + 1]), lattice.end
        )
    return logs


def _log_product(steps: np.ndarray, *, exact: bool) -> Product:
    """``logs`` [N, C] to log(exp(logs) @ exp(steps)), [N, C]."""
    if exact:
        arriving = np.ascontiguousarray(steps.T)

        def term_by_term(logs: np.ndarray) -> np.ndarray:
            terms = logs[:, None, :] + arriving
            highest = terms.max(axis=2, keepdims=True)
            highest[np.isneginf(highest)] = 0.0  # no path arrives there
            with np.errstate(divide="ignore"):
                found: np.ndarray = np.log(np.exp(terms - highest).sum(axis=2)) + highest[:, :, 0]
            return found

        return term_by_term
    highest_step = steps.max()
    kernel = np.exp(steps - highest_step)

    def of_matrices(logs: np.ndarray) -> np.ndarray:
        highest = logs.max(axis=1, keepdims=True)
        with np.errstate(divide="ignore"):
            found: np.ndarray = np.log(np.exp(logs - highest) @ kernel) + highest + highest_step
        return found

    return of_matrices


def _spread(scores: Sequence[np.ndarray], lattice: Lattice) -> float:
    """How far apart two legal scores of one kind can be, at most."""
    found = [0.0]
    found += [float(np.ptp(part[np.isfinite(part)])) for part in (lattice.start, lattice.steps, lattice.end)]
    found += [float(np.ptp(rows, axis=1).max()) for rows in scores if len(rows)]
    return max(found)


def _chunks(scores: Sequence[np.ndarray], *, cells_per_text: int) -> Iterator[_Chunk]:
    """Texts of like length together; as many at a time as keep the arrays of a step small."""
    order = sorted((row for row, rows in enumerate(scores) if len(rows)), key=lambda row: len(scores[row]))
    size = max(1, _CELLS // max(1, cells_per_text))
    for first in range(0, len(order), size):
        rows = order[first : first + size]
        lengths = np.array([len(scores[row]) for row in rows])
        padded = np.zeros((len(rows), lengths.max(), scores[rows[0]].shape[1]))
        for place, row in enumerate(rows):
            padded[place, : len(scores[row])] = scores[row]
        yield _Chunk(rows, padded, lengths)
