"""The torch runtime: a saved model's network, on any device that torch has.

Sizes are compared before anything is allocated, numbers after they are read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor, nn

from nlu_kit.assets import StoredTensor
from nlu_kit.data.encoding import Encoding, Tokenizer
from nlu_kit.errors import ModelError, NluKitError
from nlu_kit.memory import resident_peak_mb
from nlu_kit.model.build import build_backbone, build_model
from nlu_kit.model.compute import Computed
from nlu_kit.model.folder import BACKBONE, DESCRIPTION, WEIGHTS, SavedModel
from nlu_kit.model.manifest import read_header
from nlu_kit.model.nlu_model import NluModel, run_batch
from nlu_kit.plugin.modules import check_stored
from nlu_kit.runtime.fork import on_fork
from nlu_kit.runtime.machine import cores


class TorchNetwork:
    """The network of a saved model, in eval mode. A forked child has none of its parent's threads, but torch believes
    in them and waits for ever; so a child begins with one thread."""

    def __init__(self, saved: SavedModel, *, device: str) -> None:
        on_fork(torch.set_num_threads, 1)
        limit_threads()
        target = _device(device)
        self.model = restore_model(saved).to(target).eval()
        self.device = str(target)

    @property
    def tokenizer(self) -> Tokenizer:
        return self.model.backbone.tokenizer

    @property
    def threads(self) -> int:
        return torch.get_num_threads()

    def peak_memory_mb(self) -> float:
        """Of the process, or what was allocated on the GPU."""
        device = torch.device(self.device)
        return torch.cuda.max_memory_allocated(device) / 2**20 if device.type == "cuda" else resident_peak_mb()

    def run(self, batch: Sequence[Encoding]) -> Computed:
        """One batch."""
        return run_batch(self.model, batch)


def limit_threads() -> None:
    """No more threads than cores that this process may use: torch sees no quota of a container's. It keeps to fewer
    where it was told so (OMP_NUM_THREADS)."""
    if torch.get_num_threads() > (most := cores()):
        torch.set_num_threads(most)


def _device(name: str) -> torch.device:
    """Raises ModelError for a device that does not exist, or not here."""
    try:
        device = torch.empty(0, device=name).device
    except (RuntimeError, AssertionError, ImportError, TypeError) as error:  # unknown; not in this build; an add-on's
        reason = str(error).strip().split("\n")[0]
        raise ModelError(f"can't predict on the device '{name}': {reason}; use cpu") from error
    if device.type == "meta":  # torch takes it, and computes nothing there
        raise ModelError("can't predict on the device 'meta', where nothing is computed; use cpu")
    return device


def restore_model(saved: SavedModel) -> NluModel:
    """The network with its weights, on the CPU.

    Raises ModelError where the weights are not those that the folder's other files describe, or no finite numbers.
    """
    folder = saved.files.folder
    header = read_header(saved.weights)
    assets = saved.files.below(BACKBONE, _named(header, "backbone."))
    backbone = build_backbone(saved.backbone, base_dir=folder, assets=assets)
    try:
        with torch.device("meta"):
            outline = build_model(backbone, saved.heads, saved.labels)
    except NluKitError:
        raise
    except Exception:  # noqa: BLE001 - a head that can't do without numbers is built for real, and compared below
        outline = None
    if outline is not None:
        check_stored(outline.heads, _named(header, "heads."), described=folder / DESCRIPTION)
    model = build_model(backbone, saved.heads, saved.labels)
    try:
        tensors = load(saved.files.read(WEIGHTS, limit=None))
        _fill(model, tensors)
    except (RuntimeError, SafetensorError, ValueError) as error:
        if isinstance(error, NluKitError):
            raise
        raise ModelError(
            f"{saved.weights} does not fit the label counts and layers that {folder} describes: {error}"
        ) from error
    model.correct(saved.corrections)
    return model


def _named(header: Mapping[str, StoredTensor], prefix: str) -> dict[str, StoredTensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in header.items() if name.startswith(prefix)}


def _fill(model: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Raises ValueError for tensors that are missing, left over or not finite, RuntimeError for other shapes."""
    broken = next((name for name, t in tensors.items() if t.is_floating_point() and not t.isfinite().all()), None)
    if broken is not None:
        raise ValueError(f"{broken} holds numbers that are not finite")
    missing, unexpected = model.load_state_dict(tensors, strict=False)
    own = model.state_dict()
    filled = {own[name].data_ptr() for name in tensors if name in own}
    missing = [name for name in missing if own[name].data_ptr() not in filled]  # of a shared tensor one name is stored
    if missing or unexpected:
        said = [f"{name} is missing" for name in missing] + [f"{name} belongs to nothing" for name in unexpected]
        raise ValueError("; ".join(said[:5]))
