"""Heads that begin from what the untrained encoder makes of the training examples."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from nlu_kit.data.dataset import EncodedDataset
from nlu_kit.heads.modules import Head
from nlu_kit.model.nlu_model import NluModel, compute_each

_BATCH = 64


def initialise_heads(model: NluModel, train: EncodedDataset) -> list[str]:
    """Hand the heads that want it the sentence vectors of train, and their targets; the names of these heads. The
    model is left in eval mode."""
    wanting = [name for name, head in model.heads.items() if _head(head).wants_vectors]
    if wanting and len(train):
        computed = compute_each(model, train.encodings, batch_size=_BATCH, heads=())
        vectors_ND = torch.from_numpy(np.stack([text.vectors for text in computed]))
        for name in wanting:
            head = _head(model.heads[name])
            device = next(head.parameters()).device
            targets = {key: torch.from_numpy(array).to(device) for key, array in _stacked(train, name).items()}
            with torch.no_grad():
                head.initialise(vectors_ND.to(device), targets)
    return wanting


def _head(module: torch.nn.Module) -> Head:
    assert isinstance(module, Head)
    return module


def _stacked(train: EncodedDataset, name: str) -> dict[str, np.ndarray]:
    """The head's targets that are of one shape in every example, stacked: those per sentence."""
    found: dict[str, np.ndarray] = {}
    for key in train.targets[0][name]:
        arrays: Sequence[np.ndarray] = [targets[name][key] for targets in train.targets]
        if len({array.shape for array in arrays}) == 1:
            found[key] = np.stack(arrays)
    return found
