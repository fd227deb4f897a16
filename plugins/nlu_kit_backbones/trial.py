"""What an encoder is tried for before anything trains: that it reads texts of every length, each for itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from nlu_kit.plugin import Encoded, Encoding, ModelError, TokenBatch, Tokenizer, collate_tokens
from nlu_kit_backbones.layers import describe
from nlu_kit_backbones.quiet import quiet

if TYPE_CHECKING:
    from nlu_kit_backbones.encoder import EncoderBackbone

_SHORT, _LONGER = "a b", "a b c d e f g h"
_TOLERANCE = 1e-4  # of a vector's length; rounding stays far below, mixing in another token's vector far above


def try_out(backbone: EncoderBackbone) -> None:
    """Encode a short text alone and padded, and one of full length; store the backbone's description. Sets
    ``full_precision``.

    Raises ModelError with the reason where its architecture or its tokenizer is not up to that.
    """
    name = type(backbone.encoder).__name__
    _refuse_unstorable(backbone)
    short, longer, full = backbone.tokenizer.encode([_SHORT, _LONGER, "a " * backbone.tokenizer.max_length])
    with _evaluating(backbone):
        try:
            alone, beside = backbone(_batch(backbone, [short])), backbone(_batch(backbone, [short, longer]))
        except Exception as error:  # whatever an architecture's own code raises
            raise ModelError(f"{name} can't encode short texts of different lengths ({describe(error)})") from error
        if _apart(Encoded(beside.tokens_BTD[:1, : len(short)], beside.pooled_BD[:1], alone.mask_BT), alone):
            raise ModelError(
                f"{name} lets padding change the vectors of a text, so that what is predicted for it would depend on "
                "the texts beside it in a batch: this architecture is not supported"
            )
        backbone.full_precision = not _takes_autocast(backbone, short)
        try:
            # The lowest block is enough: what gives way is looking up positions, and 8,192 tokens through all blocks
            # would take a minute.
            backbone.encode_lowest(_batch(backbone, [full]))
        except Exception as error:
            raise ModelError(
                f"{name} can't encode a text of {len(full)} tokens, though it can a short one ({describe(error)}); "
                "set backbone.max_length to what the encoder was made for"
            ) from error


def _takes_autocast(backbone: EncoderBackbone, encoding: Encoding) -> bool:
    """Whether it computes in a lower precision too; DeBERTa's first version and X-MOD mix dtypes, which raises."""
    batch = _batch(backbone, [encoding])
    try:
        with torch.autocast(batch.ids_BT.device.type, dtype=torch.bfloat16):
            backbone(batch)
    except RuntimeError:
        return False
    return True


def refuse_unknown_ids(encoder: Any, tokenizer: Tokenizer) -> None:
    """Raise ModelError where some text has an id without a word vector: this is another model's tokenizer."""
    highest, known = tokenizer.largest_id, len(encoder.get_input_embeddings().weight)
    if highest >= known:
        raise ModelError(
            f"the tokenizer has ids up to {highest}, but the encoder vectors for {known} words only: "
            "are these the files of one model?"
        )


def _refuse_unstorable(backbone: EncoderBackbone) -> None:
    """Raise ModelError where what a model folder needs can't be written: better now than after training."""
    with TemporaryDirectory() as folder:
        try:
            backbone.save_assets(Path(folder))
        except Exception as error:  # the Rust side raises bare Exception for a tokenizer with Python parts
            raise ModelError(f"the encoder's tokenizer or configuration can't be stored: {describe(error)}") from error


def proven_starts(backbone: EncoderBackbone, starts: Sequence[int]) -> list[int]:
    """Those of ``starts``, numbers of lowest layers, above which the encoder goes on with the result of a whole pass.

    Not every architecture does: XLNet's blocks want time first, Longformer's a padded text, LiLT's a second stream.
    """
    batch = _batch(backbone, backbone.tokenizer.encode([_SHORT, _LONGER]))
    with _evaluating(backbone):
        whole = backbone(batch)
        return [start for start in starts if _goes_on(backbone, batch, start, whole)]


def _goes_on(backbone: EncoderBackbone, batch: TokenBatch, start: int, whole: Encoded) -> bool:
    try:
        static_BTD = backbone.static_output(batch, start)
        if static_BTD.shape != whole.tokens_BTD.shape:
            return False
        resumed: Encoded = backbone(replace(batch, static_BTD=static_BTD, start=start))
    except Exception:  # noqa: BLE001 - whatever an architecture's own code raises when its lower blocks are missing
        return False
    return not _apart(resumed, whole)


def _batch(backbone: EncoderBackbone, encodings: Sequence[Encoding]) -> TokenBatch:
    device = next(backbone.parameters()).device
    return collate_tokens(encodings, pad_id=backbone.pad_id, device=device)


def _apart(found: Encoded, expected: Encoded) -> bool:
    """Whether any vector of a real token, or of a sentence, differs."""
    mask_BT = expected.mask_BT
    pairs = ((found.tokens_BTD[mask_BT], expected.tokens_BTD[mask_BT]), (found.pooled_BD, expected.pooled_BD))
    return any(_furthest(one - other, other) > _TOLERANCE for one, other in pairs)


def _furthest(difference_ND: Tensor, vectors_ND: Tensor) -> float:
    return float((difference_ND.norm(dim=-1) / vectors_ND.norm(dim=-1).clamp_min(1e-12)).max())


@contextmanager
def _evaluating(backbone: nn.Module) -> Iterator[None]:
    """Eval mode, no gradients, nothing printed; every module is in the mode that it was in afterwards."""
    training = {module: module.training for module in backbone.modules()}
    backbone.eval()
    try:
        with torch.no_grad(), quiet():
            yield
    finally:
        for module, mode in training.items():
            module.training = mode
