"""Bundled backbones: `sentence_transformer` (the embedded all-MiniLM-L6-v2 by default) and `transformer`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, model_validator

from nlu_kit.plugin import BackboneSpec, Params, hookimpl, lazy

if TYPE_CHECKING:
    import click

NLU_KIT_CONTRACT = 2


EMBEDDED = "all-MiniLM-L6-v2"
MOST_TOKENS = 32_768


class SentenceTransformerParams(Params):
    """Parameters of `sentence_transformer`."""

    model: str = Field(
        default=EMBEDDED,
        description=f"'{EMBEDDED}' (the embedded one, never downloaded), what `nlu-kit backbones get` has fetched "
        "('mpnet', 'multilingual'), a local folder, or a Hugging Face hub id.",
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


class NewBertParams(Params):
    """Parameters of `new_bert`."""

    texts: list[str] = Field(
        min_length=1,
        max_length=10_000,
        description="Files that its WordPiece tokenizer is trained on: text (.txt, .gz), or folders of these.",
    )
    vocabulary: int = Field(default=8000, ge=200, le=1_000_000, description="How many pieces the tokenizer has.")
    layers: int = Field(default=4, ge=1, le=100, description="Transformer layers.")
    width: int = Field(
        default=256, ge=8, le=8192, description="Length of the vectors; a multiple of `attention_heads`."
    )
    attention_heads: int = Field(default=4, ge=1, le=256, description="Attention heads in each layer.")
    max_length: int = Field(default=128, ge=8, le=512, description="Longest input in tokens.")

    @model_validator(mode="after")
    def _width_divides(self) -> NewBertParams:
        if self.width % self.attention_heads:
            raise ValueError(f"width {self.width} is no multiple of attention_heads {self.attention_heads}")
        return self


@hookimpl
def nlu_kit_backbones() -> list[BackboneSpec[Any]]:
    return [
        BackboneSpec(
            name="sentence_transformer",
            summary="A sentence-transformers model with its own pooling; by default the embedded all-MiniLM-L6-v2.",
            params=SentenceTransformerParams,
            build=lazy("nlu_kit_backbones.sentence_transformer:build"),
            default=True,
        ),
        BackboneSpec(
            name="transformer",
            summary="Any Hugging Face encoder, from a local folder or a hub id, with mean, cls or max pooling.",
            params=TransformerParams,
            build=lazy("nlu_kit_backbones.transformer:build"),
        ),
        BackboneSpec(
            name="new_bert",
            summary="A small BERT that has learnt nothing yet, with a tokenizer of its own: to be pre-trained.",
            params=NewBertParams,
            build=lazy("nlu_kit_backbones.new_bert:build"),
        ),
    ]


@hookimpl
def nlu_kit_commands(cli: click.Group) -> None:
    from nlu_kit_backbones.command import backbones

    cli.add_command(backbones)
