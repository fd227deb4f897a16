"""The torch half of the contracts, but for heads and their losses, which are in nlu_kit.heads.modules.

Shapes: B texts, T tokens, D the backbone's width, C the head's classes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from nlu_kit.assets import StoredTensor
from nlu_kit.data.batch import TokenBatch
from nlu_kit.data.encoding import Tokenizer
from nlu_kit.errors import ModelError, PluginError
from nlu_kit.heads.modules import Encoded

_DTYPES = {
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.float64: "F64",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.int16: "I16",
    torch.int8: "I8",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}


class Backbone(nn.Module, ABC):
    """The shared encoder.

    ``layers``: parameter-name prefixes (relative to the backbone) bottom to top, embeddings first; every parameter
    belongs to exactly one. ``width`` is D. ``tokenizer`` turns texts into ids.
    """

    layers: Sequence[str]
    width: int
    tokenizer: Tokenizer
    pad_id: int

    @abstractmethod
    def forward(self, batch: TokenBatch) -> Encoded:
        """Encode; padding must not change the vectors of real tokens.

        Where ``batch.static_BTD`` is given, go on from it, above the lowest ``batch.start`` layers.
        """

    def resume_points(self) -> Collection[int]:
        """The numbers of lowest layers (fewer than all) whose output ``forward`` can go on from. None at all: static
        layers are then computed again and again, unless the whole backbone is static."""
        return ()

    def static_output(self, batch: TokenBatch, count: int) -> Tensor:
        """What the lowest ``count`` layers put out, [B, T, D]; only for counts that ``resume_points`` names."""
        raise PluginError(f"contract: {type(self).__name__} names resume points, but has no static_output()")

    @abstractmethod
    def save_assets(self, folder: Path) -> None:
        """Write all that ``BackboneContext.assets`` needs to rebuild this module, without its weights. Only what is
        written here can be read there."""


class Balancing(nn.Module, ABC):
    """How the heads' mean losses become one scalar."""

    @abstractmethod
    def forward(self, losses: Mapping[str, Tensor], *, share: float = 1.0) -> Tensor:
        """Scalars by head name to one scalar.

        ``losses`` may be of a piece of the global batch only, and pieces are added up. So a term that does not scale
        with the losses (a regulariser) must be multiplied by ``share``, the pieces' shares adding up to 1.
        """

    def end_epoch(self, losses: Mapping[str, float]) -> None:
        """Hear each head's mean loss over an epoch. Keep state in buffers or parameters, so that it is checkpointed."""
        return


def check_stored(module: nn.Module, stored: Mapping[str, StoredTensor], *, described: Path, prefix: str = "") -> None:
    """Compare what a module would allocate with the weights that are stored for it, named ``prefix`` and its own names.

    Build the module under ``torch.device("meta")``, where its numbers take no memory. Raises ModelError where a tensor
    has another shape or type than the stored one, or where none is stored; ``described`` is the file to blame.
    """
    names = set(module.state_dict())
    tensors = [*module.named_parameters(remove_duplicate=False), *module.named_buffers(remove_duplicate=False)]
    owners: dict[int, list[str]] = {}  # of a shared tensor one name is stored
    for name, tensor in tensors:
        if name in names:
            owners.setdefault(id(tensor), []).append(name)
    by_name = dict(tensors)
    for shared in owners.values():
        found = next((stored[prefix + name] for name in shared if prefix + name in stored), None)
        shape, dtype = tuple(by_name[shared[0]].shape), _DTYPES.get(by_name[shared[0]].dtype, "")
        if found is None or (found.shape, found.dtype) != (shape, dtype):
            there = "none is stored" if found is None else f"{found.dtype} {list(found.shape)} is stored"
            raise ModelError(
                f"{described} does not fit the stored weights: it asks for {prefix}{shared[0]} as {dtype} "
                f"{list(shape)}, and {there}"
            )
