"""A saved model's network, in torch: sizes are compared before anything is allocated, numbers after they are read."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor, nn

from nlu_kit.assets import StoredTensor
from nlu_kit.errors import ModelError, NluKitError
from nlu_kit.model.build import build_backbone, build_model
from nlu_kit.model.folder import BACKBONE, DESCRIPTION, WEIGHTS, SavedModel
from nlu_kit.model.manifest import read_header
from nlu_kit.model.nlu_model import NluModel
from nlu_kit.plugin.modules import check_stored


def restore_model(saved: SavedModel) -> NluModel:
    """The network with its weights, on the CPU.

    Raises ModelError where the weights are not those that the folder's other files describe, or no finite numbers.
    """
    folder = saved.files.folder
    header = read_header(saved.weights)
    size = saved.weights.stat().st_size
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
        tensors = load(saved.files.read(WEIGHTS, limit=size))
        _fill(model, tensors)
    except (RuntimeError, SafetensorError, ValueError) as error:
        if isinstance(error, NluKitError):
            raise
        raise ModelError(
            f"{saved.weights} does not fit the label counts and layers that {folder} describes: {error}"
        ) from error
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
