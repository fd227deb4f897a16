"""Hard negatives of the whole corpus, found by the encoder of the moment.

The closest sentence of another cluster is often a paraphrase that nobody has marked. So what is nearly as close as the
paraphrase is passed over (the margin relative to the positive of Moreira et al. 2024, "NV-Retriever").
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

MOST_CANDIDATES = 20_000
NEARLY = 0.95
_BLOCK = 256
NONE = -1


def hardest(
    vectors_ND: np.ndarray, cluster_N: np.ndarray, anchors: Sequence[tuple[int, int]], generator: np.random.Generator
) -> np.ndarray:
    """For each (sentence, paraphrase) the number of the sentence of another cluster that is closest to the first, of
    those below 95 % of the paraphrase's cosine; ``NONE`` where there is none. ``vectors_ND`` have length 1.

    Of more than 20,000 sentences, so many are drawn to be looked at: time and memory grow with the anchors alone.
    """
    count = len(vectors_ND)
    drawn = np.arange(count)
    if count > MOST_CANDIDATES:
        drawn = np.sort(generator.choice(count, MOST_CANDIDATES, replace=False))
    candidates_CD, clusters_C = vectors_ND[drawn], cluster_N[drawn]
    found = np.full(len(anchors), NONE, dtype=np.int64)
    for start in range(0, len(anchors), _BLOCK):
        first, second = np.array(anchors[start : start + _BLOCK]).T
        limit_B = NEARLY * (vectors_ND[first] * vectors_ND[second]).sum(1)
        cosines_BC = vectors_ND[first] @ candidates_CD.T
        cosines_BC[(clusters_C == cluster_N[first, None]) | (cosines_BC >= limit_B[:, None])] = -np.inf
        best = cosines_BC.argmax(1)
        usable = np.isfinite(cosines_BC[np.arange(len(best)), best])
        found[start : start + _BLOCK] = np.where(usable, drawn[best], NONE)
    return found
