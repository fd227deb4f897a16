"""The torch half of the contracts, but for heads and their losses, which are in nlu_kit.heads.modules.

Shapes: B texts, T tokens, D the backbone's width, C the head's classes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from nlu_kit.assets import StoredTensor
from nlu_kit.data.batch import TokenBatch, collate_tokens, stack
from nlu_kit.data.encoding import Encoding, Tokenizer
from nlu_kit.errors import ModelError, PluginError
from nlu_kit.heads.modules import Encoded
from nlu_kit.plugin.objectives import DataReport, Item, Split

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

    def save_pretrained(self, folder: Path) -> None:
        """Write a folder, weights and tokenizer included, that a backbone can begin at: what pre-training ends with."""
        raise PluginError(f"contract: {type(self).__name__} can't be pre-trained: it has no save_pretrained()")


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


class PretrainingObjective(nn.Module, ABC):
    """One way to teach an encoder without a task; see ``nlu_kit.plugin.objectives``. Its own parameters, if it has any,
    train as a head's do.

    ``main`` names the figure by which the best epoch is chosen: higher is better. ``unscaled`` names figures that are
    no shares, such as perplexity.
    """

    main: str
    unscaled: Collection[str] = ()

    @abstractmethod
    def __len__(self) -> int:
        """How many items there are to learn from."""

    def refresh(self, backbone: Backbone) -> None:
        """Called before each epoch with the encoder as it is then, in every process: to choose items by it. Draw from a
        generator of your own, seeded with the context's ``seed``, so that all processes choose the same, and keep what
        is chosen in a buffer (``register_buffer``), so that a checkpoint has it."""

    @abstractmethod
    def item(self, index: int, generator: np.random.Generator) -> Item:
        """One of them. What chance decides comes from ``generator`` alone: another one each time that it is drawn."""

    @abstractmethod
    def forward(self, encoded: Encoded, targets: Mapping[str, Tensor], backbone: Backbone) -> Tensor:
        """The loss of B items, summed: a scalar. With K texts an item, ``encoded`` has B x K rows, item by item."""

    def denominator(self, targets: Mapping[str, Tensor]) -> Tensor:
        """What the summed loss of these items is to be divided by; as it is here, their number."""
        first = next(iter(targets.values()))
        return torch.tensor(float(len(first)), device=first.device)

    @abstractmethod
    def evaluate(self, backbone: Backbone, split: Split) -> Mapping[str, float]:
        """Figures on items that are held out, the same for the same weights; ``main`` is one of dev's. Empty for test
        where there is none."""

    @abstractmethod
    def report(self) -> DataReport:
        """What the data became."""


@torch.no_grad()
def sentence_vectors(backbone: Backbone, encodings: Sequence[Encoding], *, batch_size: int = 64) -> np.ndarray:
    """Float32 [N, D], in the order given, with the backbone in eval mode."""
    device = next(backbone.parameters()).device
    vectors = np.zeros((len(encodings), backbone.width), dtype=np.float32)
    order = sorted(range(len(encodings)), key=lambda i: len(encodings[i]))
    with evaluating(backbone):
        for start in range(0, len(order), batch_size):
            rows = order[start : start + batch_size]
            tokens = collate_tokens([encodings[row] for row in rows], pad_id=backbone.pad_id, device=device)
            vectors[rows] = backbone(tokens).pooled_BD.float().cpu().numpy()
    return vectors


@contextmanager
def evaluating(*modules: nn.Module) -> Iterator[None]:
    """Eval mode for these and all in them, and then the modes from before."""
    modes = {inner: inner.training for module in modules for inner in module.modules()}
    for module in modules:
        module.eval()
    try:
        yield
    finally:
        for inner, mode in modes.items():
            inner.training = mode


def stack_targets(items: Sequence[Item], device: torch.device) -> dict[str, Tensor]:
    """The targets of some items, by name, as ``PretrainingObjective.forward`` gets them."""
    return {
        name: torch.from_numpy(stack([np.asarray(item.targets[name]) for item in items])).to(device)
        for name in items[0].targets
    }


def word_table(backbone: Backbone) -> nn.Embedding:
    """The table of word vectors: the largest ``nn.Embedding`` in the backbone's lowest layer.

    Raises PluginError where there is none.
    """
    lowest = backbone.layers[0]
    tables = [
        module
        for name, module in backbone.named_modules()
        if isinstance(module, nn.Embedding) and f"{name}.".startswith(f"{lowest}.")
    ]
    if not tables:
        raise PluginError(f"the backbone has no table of word vectors (nn.Embedding) in '{lowest}'")
    return max(tables, key=lambda table: table.num_embeddings)


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
