"""The best weights so far, on disk: what a crash or Ctrl-C leaves behind."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from nlu_kit.errors import TrainingError
from nlu_kit.files import replacing


@dataclass(frozen=True, slots=True, kw_only=True)
class Best:
    """The best epoch (from 0) and its dev figures."""

    epoch: int
    dev: Mapping[str, float]


Labels = Mapping[str, Sequence[str]]
"""Each head's classes, in the order of its outputs."""


class Checkpoint:
    """``folder/best.safetensors``: weights with their epoch and figures in one file, written beside and renamed.

    Only what may change during the run is stored: not the parameters that never train.
    """

    def __init__(self, folder: Path, labels: Labels | None = None) -> None:
        self.file = folder / "best.safetensors"
        self.labels = {name: list(names) for name, names in (labels or {}).items()}
        self._names: list[str] = []

    def exists(self) -> bool:
        return self.file.is_file()

    def start(self, module: nn.Module) -> None:
        """Take note of what may train: whatever requires gradients now. Buffers always may change."""
        trainable = [name for name, parameter in module.named_parameters() if parameter.requires_grad]
        self._names = [*trainable, *(name for name, _ in module.named_buffers())]

    def changing(self, module: nn.Module) -> dict[str, Tensor]:
        """What may change during the run."""
        state = module.state_dict()
        return {name: state[name].contiguous() for name in self._names if name in state}

    def save(self, module: nn.Module, best: Best) -> None:
        """Replace the file by these weights. Raises TrainingError where they can't be written."""
        metadata = {"epoch": str(best.epoch), "dev": json.dumps(dict(best.dev)), "labels": json.dumps(self.labels)}
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            with replacing(self.file, durable=True) as temporary:
                save_file(self.changing(module), str(temporary), metadata=metadata)
        except (SafetensorError, OSError) as error:
            raise TrainingError(f"the checkpoint {self.file} can't be written: {error}") from error

    def restore(self, module: nn.Module) -> Best:
        """Load the best weights back into the module, and say which they are.

        Raises TrainingError where the file can't be read, or is of another model: other labels, other layers.
        """
        try:
            with safe_open(str(self.file), framework="pt") as stream:
                metadata = stream.metadata()
            best = Best(epoch=int(metadata["epoch"]), dev=json.loads(metadata["dev"]))
            labels = json.loads(metadata["labels"])
            for name in labels.keys() | self.labels.keys():
                if labels.get(name) != self.labels.get(name):
                    hint = "the data has changed since: put the old data back"
                    raise TrainingError(f"the checkpoint {self.file} is of other labels for '{name}'; {hint}")
            _, unexpected = module.load_state_dict(load_file(str(self.file)), strict=False)
            if unexpected:
                raise TrainingError(f"the checkpoint {self.file} is of another model: it has {unexpected[0]}")
        except (SafetensorError, OSError, RuntimeError, KeyError, TypeError, AttributeError) as error:
            raise TrainingError(f"the checkpoint {self.file} can't be used: {error}") from error
        return best

    def remove(self) -> None:
        """Once the model folder holds the same weights."""
        shutil.rmtree(self.file.parent, ignore_errors=True)
