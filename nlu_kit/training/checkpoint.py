"""The best weights so far, on disk: what a crash or Ctrl-C leaves behind."""

from __future__ import annotations

from pathlib import Path

from safetensors.torch import load_model, save_model
from torch import nn


class Checkpoint:
    """``folder/best.safetensors``, written beside and renamed."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "best.safetensors"

    def save(self, module: nn.Module) -> None:
        """Replace the file by these weights."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        temporary = self.file.with_suffix(".tmp")
        save_model(module, str(temporary))
        temporary.replace(self.file)

    def restore(self, module: nn.Module) -> None:
        """Load the best weights back into the module."""
        load_model(module, str(self.file))

    def remove(self) -> None:
        """Once the model folder holds the same weights."""
        self.file.unlink(missing_ok=True)
        if self.file.parent.is_dir():
            self.file.parent.rmdir()
