"""Which labels' names are worth learning from: those that say something, and each of one label only. No torch."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np

TOGETHER, ALONE = 0.08, 0.03
"""How much names must have in common with the examples of their labels, as ``affinity`` measures it: on average, and
each name by itself. On CLINC150, SNIPS, ATIS and the starter corpus, at 1 and at 5 examples a label, real names have
0.15 to 0.6 on average, "intent 7" and hexadecimal ids -0.05 to 0.05. The second is lower, since a name is one text, and
at one example a label it is better to learn from a doubtful name than to go without."""


def readable(name: str) -> str:
    """A label as words: ``book_flight``, ``book-flight``, ``BookFlight`` and ``travel:book.flight`` have spaces then.
    What has no letters stays as it is."""
    words = re.sub(r"[\W_]+", " ", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)).strip()
    return words or name


def distinct_names(names: Sequence[str]) -> dict[str, str]:
    """The labels by name as words, without those that have no letters and those that are not the only one so called
    (``faq/price`` and ``faq_price``, ``C`` and ``C#``)."""
    texts = {name: readable(name) for name in names}
    called: dict[str, int] = {}
    for text in texts.values():
        called[text.casefold()] = called.get(text.casefold(), 0) + 1
    return {name: text for name, text in texts.items() if called[text.casefold()] == 1 and any(map(str.isalpha, text))}


def telling(
    names: Sequence[str], vectors_ND: np.ndarray, examples: Sequence[str], examples_MD: np.ndarray
) -> frozenset[str]:
    """Those of ``names`` that say something of their labels' examples; none of them, where as a whole they don't.

    ``vectors_ND`` are the untrained encoder's vectors of the names, ``examples_MD`` those of examples, whose labels
    ``examples`` has. Names that nothing can be said of, such as that of the only label, are among what is returned.
    """
    measured = affinity(names, vectors_ND, examples, examples_MD)
    if not measured:
        return frozenset(names)
    if np.mean(list(measured.values())) < TOGETHER:
        return frozenset(names) - measured.keys()
    return frozenset(name for name in names if measured.get(name, ALONE) >= ALONE)


def affinity(
    names: Sequence[str], vectors_ND: np.ndarray, examples: Sequence[str], examples_MD: np.ndarray
) -> Mapping[str, float]:
    """How much closer each name is to the mean of its own label's examples than can be expected: 0 for a name that says
    nothing, 1 for one that is where its examples are.

    What is expected follows from how close the name is to any label, and the label to any name: so it does not matter
    that some texts are close to all others, nor how far apart an encoder keeps texts at all. Empty where it can't be
    measured: with fewer than two names or labels, or labels whose examples are all the same to the encoder.
    """
    labels = sorted(set(examples))
    place = {label: column for column, label in enumerate(labels)}
    rows = [row for row, name in enumerate(names) if name in place]
    if len(rows) < 2 or len(labels) < 2:
        return {}
    of = np.array([place[label] for label in examples])
    unit_MD = _unit(examples_MD)
    means_CD = _unit(np.stack([unit_MD[of == column].mean(axis=0) for column in range(len(labels))]))
    own = [place[names[row]] for row in rows]
    closer = _beyond_expected(_unit(vectors_ND)[rows] @ means_CD.T)[np.arange(len(rows)), own]
    apart = np.diag(_beyond_expected(means_CD @ means_CD.T)).mean()
    if apart < 1e-6:
        return {}
    return {names[row]: float(share) for row, share in zip(rows, closer / apart, strict=True)}


def _beyond_expected(cosines: np.ndarray) -> np.ndarray:
    """Without the means of rows and columns, and scaled so that what is added to one cell comes out whole there."""
    means = cosines.mean(axis=0), cosines.mean(axis=1, keepdims=True)
    rows, columns = cosines.shape
    result: np.ndarray = (cosines - means[0] - means[1] + cosines.mean()) / ((1 - 1 / rows) * (1 - 1 / columns))
    return result


def _unit(vectors: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: np.ndarray = vectors / np.maximum(lengths, 1e-12)
    return unit
