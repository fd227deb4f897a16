"""Every path through a small lattice, tried one by one."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from nlu_kit_ner.lattice import Lattice

Paths = Callable[[np.ndarray, Lattice], Iterator[tuple[tuple[int, ...], float]]]


@pytest.fixture(scope="session")
def every_path() -> Paths:
    """``every_path(scores, lattice)``: each path with its score, -inf where it is illegal."""

    def paths(scores: np.ndarray, lattice: Lattice) -> Iterator[tuple[tuple[int, ...], float]]:
        for path in itertools.product(range(scores.shape[1]), repeat=len(scores)):
            total = lattice.start[path[0]] + lattice.end[path[-1]]
            total += sum(scores[position, tag] for position, tag in enumerate(path))
            total += sum(lattice.steps[before, tag] for before, tag in itertools.pairwise(path))
            yield path, float(total)

    return paths
