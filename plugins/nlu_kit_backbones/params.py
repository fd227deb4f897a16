"""Parameters of the bundled backbones. No torch."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from nlu_kit.plugin import Params

EMBEDDED = "all-MiniLM-L6-v2"
MOST_TOKENS = 32_768


class SentenceTransformerParams(Params):
    """Parameters of `sentence_transformer`."""

    model: str = Field(
        default=EMBEDDED,
        description=f"'{EMBEDDED}' (the embedded one, never downloaded), a local folder, or a Hugging Face hub id.",
    )
    max_length: int | None = Field(
        default=None,
        ge=8,
        le=MOST_TOKENS,
        description="Longest input in tokens, within the encoder's positions; when absent, the model's.",
    )


class TransformerParams(Params):
    """Parameters of `transformer`."""

    model: str = Field(description="A local folder (seen from pipeline.json) or a Hugging Face hub id.")
    pooling: Literal["mean", "cls", "max"] = Field(
        default="mean", description="How token vectors become the sentence vector."
    )
    max_length: int | None = Field(
        default=None,
        ge=8,
        le=MOST_TOKENS,
        description="Longest input in tokens, within the encoder's positions; when absent, the model's, up to 512.",
    )
