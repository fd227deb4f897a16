"""The contract of a backbone."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import torch
from safetensors.torch import load_model, save_model
from torch import Tensor

from nlu_kit.assets import Assets
from nlu_kit.data.batch import TokenBatch, collate_tokens
from nlu_kit.data.encoding import Encoding
from nlu_kit.errors import ModelError
from nlu_kit.heads.modules import Encoded
from nlu_kit.model.build import layer_of
from nlu_kit.plugin.contracts import BackboneContext
from nlu_kit.plugin.modules import Backbone
from nlu_kit.testing.clauses import NotTried, clause
from nlu_kit.testing.material import AWKWARD
from nlu_kit.testing.parts import CPU, same
from nlu_kit.testing.trial import ComponentContract

TEXTS = ("book a table in Paris", "?", "play some jazz, and then wake me at half past six tomorrow morning please")
PICKLED = {".bin", ".ckpt", ".joblib", ".pickle", ".pkl", ".pt", ".pth"}
WEIGHTS = {".h5", ".msgpack", ".npz", ".onnx", ".safetensors"}


class BackboneContract(ComponentContract):
    """The clauses of a backbone. It is built once, in eval mode, and no clause changes it."""

    kind = "backbone"

    def build(self, base_dir: Path, *, assets: Path | None = None) -> Backbone:
        """A fresh one in eval mode; relative paths in its parameters start at ``base_dir``."""
        context = BackboneContext(base_dir=base_dir, assets=None if assets is None else Assets(folder=assets))
        with torch.random.fork_rng():
            torch.manual_seed(5)
            built: Backbone = self.spec.build(self.params, context)
        return built.eval()

    @cached_property
    def backbone(self) -> Backbone:
        try:
            return self.build(Path.cwd())
        except ModelError as error:
            raise NotTried(f"its model can't be loaded here: {error}") from error

    @cached_property
    def texts(self) -> list[Encoding]:
        """Usual and awkward ones, of different lengths."""
        return self.backbone.tokenizer.encode([*TEXTS, *AWKWARD])

    def batch(self, encodings: Sequence[Encoding]) -> TokenBatch:
        """These texts as the model gives them to it."""
        return collate_tokens(encodings, pad_id=self.backbone.pad_id, device=CPU)

    @torch.no_grad()
    def encode(self, encodings: Sequence[Encoding], backbone: Backbone | None = None) -> Encoded:
        """What it makes of a batch of these texts."""
        encoded: Encoded = (backbone or self.backbone)(self.batch(encodings))
        return encoded

    def require_same(self, found: Encoded, expected: Encoded, what: str) -> None:
        """The same sentence vectors, and the same vectors of real tokens."""
        mask = expected.mask_BT
        self.require(same(found.tokens_BTD[mask], expected.tokens_BTD[mask]), f"{what}: token vectors differ")
        self.require(same(found.pooled_BD, expected.pooled_BD), f"{what}: sentence vectors differ")

    def gradients_of(self, output: Tensor) -> dict[str, Tensor | None]:
        """By parameter, the gradient of these numbers weighted at random; the parameters keep none."""
        weights = torch.randn(output.shape, generator=torch.Generator().manual_seed(3))
        parameters = dict(self.backbone.named_parameters())
        found = torch.autograd.grad(
            (output * weights).sum(), list(parameters.values()), allow_unused=True, retain_graph=True
        )
        return dict(zip(parameters, found, strict=True))

    def starts(self) -> list[int]:
        starts = sorted(self.backbone.resume_points())
        if not starts:
            raise NotTried("it names no resume points: static layers are computed again and again")
        return starts

    # --- clauses ------------------------------------------------------------------------------------------------------

    @clause
    def layers(self) -> None:
        """`layers` are prefixes of parameter names; each parameter is in exactly one of them, and none is empty."""
        backbone = self.backbone
        layers = list(backbone.layers)
        filled = {layer_of(name, layers) for name, _ in backbone.named_parameters()}  # raises: in none, or in several
        modules = {name for name, _ in backbone.named_modules()}
        empty = [layer for layer in layers if layer not in filled and layer not in modules]
        self.require(not empty, f"nothing is called {', '.join(empty)}")

    @clause
    def tokenizer(self) -> None:
        """`tokenizer` turns any text into one id at least and `max_length` at most, and says of a text that is longer
        that it is truncated; words are spans of the text as it was given, and `pad_id` is an id."""
        backbone, long = self.backbone, "book a table " * 2000
        self.require(isinstance(backbone.pad_id, int) and backbone.pad_id >= 0, f"pad_id is {backbone.pad_id!r}")
        limit = backbone.tokenizer.max_length
        given = [*TEXTS, *AWKWARD, long]
        for text, encoding in zip(given, backbone.tokenizer.encode(given), strict=True):
            count, shown = len(encoding), repr(text[:30])
            self.require(1 <= count <= limit, f"{count} ids for {shown}; max_length is {limit}")
            self.require(encoding.text == text, f"the encoding of {shown} holds another text")
            self.require(encoding.truncated or text is not long, f"{len(long)} letters are not said to be truncated")
            for word in encoding.words:
                fits = 0 <= word.token < word.stop <= count and 0 <= word.start < word.end <= len(text)
                self.require(fits, f"{word} for {shown}")

    @clause
    def vectors(self) -> None:
        """For any text it gives one vector per token [B, T, D], one per sentence [B, D] and the batch's mask [B, T]; D
        is `width`, and the numbers are float32 and finite."""
        width = self.backbone.width
        for encodings in (*([encoding] for encoding in self.texts), self.texts):
            batch, found = self.batch(encodings), self.encode(encodings)
            count, length = batch.ids_BT.shape
            for name, tensor, shape in (
                ("tokens_BTD", found.tokens_BTD, (count, length, width)),
                ("pooled_BD", found.pooled_BD, (count, width)),
            ):
                self.require(tuple(tensor.shape) == shape, f"{name} has the shape {tuple(tensor.shape)}, not {shape}")
                self.require(tensor.dtype == torch.float32, f"{name} is {tensor.dtype}")
            self.require(torch.equal(found.mask_BT, batch.mask_BT), "mask_BT is not the batch's")
            finite = found.tokens_BTD[found.mask_BT].isfinite().all() and found.pooled_BD.isfinite().all()
            self.require(finite, f"numbers that are not finite for {[encoding.text for encoding in encodings]}"[:200])

    @clause
    def padding(self) -> None:
        """In eval mode each text is encoded for itself: padding and what it shares a batch with change nothing."""
        together = self.encode(self.texts)
        for row, encoding in enumerate(self.texts):
            alone = self.encode([encoding])
            beside = Encoded(
                together.tokens_BTD[row : row + 1, : len(encoding)], together.pooled_BD[row : row + 1], alone.mask_BT
            )
            self.require_same(beside, alone, f"{encoding.text[:40]!r} alone and beside others")

    @clause
    def determinism(self) -> None:
        """The same seed gives the same weights, and in eval mode the same texts give the same vectors."""
        other = self.build(Path.cwd()).state_dict()
        for name, tensor in self.backbone.state_dict().items():
            self.require(torch.equal(tensor, other[name]), f"'{name}' differs between two built after the same seed")
        self.require_same(self.encode(self.texts), self.encode(self.texts), "twice the same texts")

    @clause
    def gradients(self) -> None:
        """Gradients reach every layer, and each parameter is used; they do so from the token vectors and from the
        sentence vectors alike, for a head may read either. All of them are finite."""
        encoded: Encoded = self.backbone(self.batch(self.texts[: len(TEXTS)]))
        tokens, pooled = encoded.tokens_BTD[encoded.mask_BT], encoded.pooled_BD
        lowest = next(iter(self.backbone.layers))
        for name, output in (("token", tokens), ("sentence", pooled)):
            self.require(output.requires_grad, f"the {name} vectors give none at all")
            reached = _reached(self.gradients_of(output), lowest)
            self.require(reached, f"those of the {name} vectors don't reach '{lowest}'")
        found = self.gradients_of(torch.cat([tokens, pooled]))
        for name, gradient in found.items():
            self.require(gradient is not None, f"'{name}' is not used")
            self.require(gradient is None or gradient.isfinite().all(), f"that of '{name}' is not finite")
        for layer in self.backbone.layers:
            self.require(_reached(found, layer) or not _of(layer, found), f"the layer '{layer}' gets none")

    @clause
    def mixed_precision(self) -> None:
        """Under autocast to bfloat16 it gives finite vectors, near those of float32."""
        expected = self.encode(self.texts[: len(TEXTS)])
        with torch.autocast("cpu", dtype=torch.bfloat16):
            found = self.encode(self.texts[: len(TEXTS)])
        apart = (found.pooled_BD.float() - expected.pooled_BD).norm() / expected.pooled_BD.norm()
        self.require(apart < 0.2, f"sentence vectors are off by {apart:.0%}")

    @clause
    def rebuilt(self) -> None:
        """From what `save_assets` wrote, in whatever folder it is then, and with its weights loaded, another one gives
        the same vectors, with the same layers and tokenizer."""
        original = self.backbone
        with tempfile.TemporaryDirectory() as temporary:
            written, weights = Path(temporary) / "written", Path(temporary) / "model.safetensors"
            written.mkdir()
            original.save_assets(written)
            moved = written.rename(Path(temporary) / "moved")
            save_model(original, str(weights))
            other = self.build(Path(temporary) / "elsewhere", assets=moved)
            load_model(other, str(weights))
        for name in ("width", "pad_id"):
            self.require(getattr(original, name) == getattr(other, name), f"its {name} is {getattr(other, name)!r}")
        self.require(list(original.layers) == list(other.layers), f"its layers are {list(other.layers)}")
        encodings = other.tokenizer.encode([encoding.text for encoding in self.texts])
        self.require(encodings == self.texts, "its tokenizer encodes the same texts in another way")
        self.require_same(self.encode(encodings, other), self.encode(self.texts), "the original and the rebuilt one")

    @clause
    def assets(self) -> None:
        """`save_assets` writes nothing pickled, which is never read, and no weights, which are stored beside."""
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            self.backbone.save_assets(folder)
            files = [file for file in folder.rglob("*") if file.is_file()]
            for file in files:
                with file.open("rb") as opened:
                    start = opened.read(2)
                pickled = file.suffix in PICKLED or (start[:1] == b"\x80" and start[1:] in b"\x02\x03\x04\x05")
                self.require(not pickled, f"{file.relative_to(folder)} is pickled")
                self.require(file.suffix not in WEIGHTS, f"{file.relative_to(folder)} holds weights")

    @clause
    def static_layers(self) -> None:
        """What `static_output` gives for the lowest layers depends on these only: that it is kept while those above
        train must not matter."""
        batch, layers = self.batch(self.texts[: len(TEXTS)]), list(self.backbone.layers)
        for start in self.starts():
            self.require(start < len(layers), f"the resume point {start} is not below all {len(layers)} layers")
            hidden = self.backbone.static_output(batch, start)
            shape = (*batch.ids_BT.shape, self.backbone.width)
            self.require(tuple(hidden.shape) == shape, f"above {start} layers: {tuple(hidden.shape)}, not {shape}")
            if hidden.requires_grad:
                found = self.gradients_of(hidden[batch.mask_BT])
                upper = [layer for layer in layers[start:] if _reached(found, layer)]
                self.require(not upper, f"that of the lowest {start} depends on {', '.join(upper)}")

    @clause
    def resumes(self) -> None:
        """Going on above the lowest layers, from what `static_output` gave for them, gives what the whole forward pass
        gives, at each of the `resume_points`."""
        starts, expected, batch = self.starts(), self.encode(self.texts), self.batch(self.texts)
        for start in starts:
            with torch.no_grad():
                hidden = self.backbone.static_output(batch, start)
                found: Encoded = self.backbone(replace(batch, static_BTD=hidden, start=start))
            self.require_same(found, expected, f"above the lowest {start} layers")


def _of(layer: str, gradients: Mapping[str, Tensor | None]) -> list[Tensor | None]:
    """Those of the layer's parameters."""
    return [gradient for name, gradient in gradients.items() if f"{name}.".startswith(f"{layer}.")]


def _reached(gradients: Mapping[str, Tensor | None], layer: str) -> bool:
    """Whether any of the layer's parameters gets one."""
    return any(gradient is not None and bool((gradient != 0).any()) for gradient in _of(layer, gradients))
