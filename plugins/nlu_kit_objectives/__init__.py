"""Bundled objectives of pre-training: hidden words, pairs of sentences, intents, a teacher."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from nlu_kit.plugin import Component, Nested, ObjectiveParams, ObjectiveSpec, hookimpl, lazy

NLU_KIT_CONTRACT = 2

MOST_FILES = 10_000


class TextParams(ObjectiveParams):
    """Base of the objectives that learn from texts as they are."""

    texts: list[str] = Field(
        default=[],
        max_length=MOST_FILES,
        description="Files of text, one a line (.txt, or gzipped), or folders of these.",
    )
    corpora: list[str] = Field(
        default=[],
        max_length=MOST_FILES,
        description="Files or folders in any format that training reads, whose utterances are taken.",
    )
    dev: list[str] = Field(
        default=[],
        max_length=MOST_FILES,
        description="Texts to measure on, in either form. When absent, a hundredth of the texts, but at least 100 and "
        "at most 1,000 of them, if there are 200.",
    )

    @model_validator(mode="after")
    def _has_texts(self) -> TextParams:
        if not self.texts and not self.corpora:
            raise ValueError("name files of text (texts) or corpora (corpora)")
        return self


class MaskedParams(TextParams):
    """Parameters of `mlm`."""

    share: float = Field(default=0.15, gt=0, lt=1, description="How many of the tokens are to be guessed.")


class SpanParams(MaskedParams):
    """Parameters of `span`."""

    longest: int = Field(default=10, ge=1, le=100, description="The longest span, in words.")
    stop: float = Field(
        default=0.2, gt=0, lt=1, description="The geometric distribution's p: the larger, the shorter the spans."
    )


class PairParams(ObjectiveParams):
    """Base of the objectives that learn from pairs of sentences."""

    train: list[str] = Field(
        min_length=1,
        max_length=MOST_FILES,
        description="Files of pairs or triplets: STS-B, QQP or MSRP as published, or JSON lines.",
    )
    dev: list[str] = Field(
        default=[],
        max_length=MOST_FILES,
        description="Pairs to measure on; when absent, a tenth of train, at most 1,000.",
    )
    test: list[str] = Field(
        default=[], max_length=MOST_FILES, description="Pairs to measure on before and after, and never else."
    )
    highest_score: float | None = Field(
        default=None,
        gt=0,
        le=1e6,
        description="The score of sentences that mean the same; 0 is the lowest. When absent, 1 in a file whose scores "
        "go no higher, else 5.",
    )
    similar: float = Field(
        default=0.8,
        gt=0,
        le=1,
        description="Pairs whose score is at least this share of the highest count as paraphrases.",
    )
    different: float = Field(
        default=0.4,
        ge=0,
        lt=1,
        description="Pairs whose score is at most this share of the highest are no paraphrases.",
    )

    @model_validator(mode="after")
    def _in_order(self) -> PairParams:
        if self.different >= self.similar:
            raise ValueError("different must be below similar")
        return self


class NegativesParams(PairParams):
    """Base of the objectives that tell paraphrases from other sentences."""

    negatives: Literal["batch", "corpus"] = Field(
        default="batch",
        description="Which sentence a paraphrase is told from where the data says of none that it differs. batch: "
        "those that are drawn beside it; corpus: the closest of all, found by the encoder before each epoch.",
    )


class TripletParams(NegativesParams):
    """Parameters of `triplet`."""

    margin: float = Field(
        default=0.3,
        gt=0,
        le=2,
        description="By how much closer, in cosine distance, the paraphrase is to be than the other sentence.",
    )


class ContrastParams(NegativesParams):
    """Parameters of `multiple_negatives`."""

    scale: float = Field(default=20.0, gt=0, le=1000, description="What cosines are multiplied with.")


class CosineParams(PairParams):
    """Parameters of `cosine`."""

    loss: Literal["cosent", "mse"] = Field(
        default="cosent",
        description="cosent: cosines are to have the order of the scores; mse: they are to be the scores.",
    )


class IntentContrastParams(ObjectiveParams):
    """Parameters of `supervised_contrastive`."""

    corpora: list[str] = Field(
        min_length=1, max_length=MOST_FILES, description="Files or folders in any format that training reads."
    )
    field: str = Field(default="intent", min_length=1, description="Which label makes utterances alike.")
    dev: list[str] = Field(
        default=[],
        max_length=MOST_FILES,
        description="Utterances to measure on; when absent, a tenth of each label's, if it has 4.",
    )
    temperature: float = Field(default=0.1, gt=0, le=10, description="What cosines are divided by.")


class DistillParams(TextParams):
    """Parameters of `distill`."""

    model: str | None = Field(default=None, description="The teacher: the folder of a trained model.")
    backbone: Annotated[Component, Nested("backbone")] | None = Field(
        default=None, description="The teacher: an encoder, as in a pipeline."
    )
    sentences: float = Field(
        default=1.0, ge=0, le=1e6, description="Weight of the sentence vectors' agreement; 0 is none."
    )
    tokens: float = Field(default=1.0, ge=0, le=1e6, description="Weight of the words' vectors' agreement; 0 is none.")

    @model_validator(mode="after")
    def _has_a_teacher(self) -> DistillParams:
        if (self.model is None) == (self.backbone is None):
            raise ValueError("name one teacher: a trained model (model) or an encoder (backbone)")
        if not self.sentences and not self.tokens:
            raise ValueError("sentences and tokens are both 0: there is nothing to agree on")
        return self


SENTENCES = [
    ("How do I get a refund?", "I want my money back", "Play some jazz"),
    ("Play some jazz", "Put on a jazz record", "Is it going to rain?"),
    ("Is it going to rain?", "Will I need an umbrella?", "Wake me up at seven"),
    ("Wake me up at seven", "Set an alarm for 7 am", "How do I get a refund?"),
]


def write_sample(folder: Path) -> None:
    """The little data that `trial` names, for the contract's checks."""
    triplets: list[dict[str, Any]] = [{"anchor": a, "positive": p, "negative": n} for a, p, n in SENTENCES]
    scored: list[dict[str, Any]] = [{"sentence1": a, "sentence2": p, "score": 4.5} for a, p, _ in SENTENCES]
    scored += [{"sentence1": a, "sentence2": n, "score": 0.5} for a, _, n in SENTENCES]
    intents: list[dict[str, Any]] = [
        {"text": text, "intent": str(n)} for n, texts in enumerate(SENTENCES) for text in texts[:2]
    ]
    files: dict[str, list[dict[str, Any]]] = {"triplets": triplets, "scored": scored, "intents": intents}
    for name, records in files.items():
        lines = "".join(json.dumps(record) + "\n" for record in records)
        (folder / f"{name}.jsonl").write_text(lines, encoding="utf-8")
    every = dict.fromkeys(text for sentences in SENTENCES for text in sentences)
    (folder / "texts.txt").write_text("".join(f"{text}\n" for text in every), encoding="utf-8")


_TEXTS = {"texts": ["texts.txt"], "dev": ["texts.txt"]}
_TRIPLETS = {"train": ["triplets.jsonl"], "dev": ["triplets.jsonl"]}
_TEACHER = {
    "type": "new_bert",
    "texts": ["texts.txt"],
    "vocabulary": 300,
    "layers": 1,
    "width": 16,
    "attention_heads": 2,
}


@hookimpl
def nlu_kit_objectives() -> list[ObjectiveSpec[Any]]:
    return [
        ObjectiveSpec(
            name="mlm",
            summary="Guess hidden words (masked language modelling, whole words).",
            params=MaskedParams,
            build=lazy("nlu_kit_objectives.masked:MaskedWords"),
            trial=_TEXTS,
            sample=write_sample,
        ),
        ObjectiveSpec(
            name="span",
            summary="Guess hidden spans of words, also from the words around them (SpanBERT).",
            params=SpanParams,
            build=lazy("nlu_kit_objectives.masked:MaskedSpans"),
            trial=_TEXTS,
            sample=write_sample,
        ),
        ObjectiveSpec(
            name="triplet",
            summary="A paraphrase is to be closer than another sentence, by a margin.",
            params=TripletParams,
            build=lazy("nlu_kit_objectives.paraphrases:Triplets"),
            trial=_TRIPLETS,
            sample=write_sample,
        ),
        ObjectiveSpec(
            name="multiple_negatives",
            summary="Find the paraphrase among those of the whole batch (InfoNCE).",
            params=ContrastParams,
            build=lazy("nlu_kit_objectives.paraphrases:MultipleNegatives"),
            trial=_TRIPLETS,
            sample=write_sample,
        ),
        ObjectiveSpec(
            name="cosine",
            summary="Cosines are to agree with how alike people found two sentences.",
            params=CosineParams,
            build=lazy("nlu_kit_objectives.paraphrases:Cosines"),
            trial={"train": ["scored.jsonl"], "dev": ["scored.jsonl"]},
            sample=write_sample,
        ),
        ObjectiveSpec(
            name="supervised_contrastive",
            summary="Utterances of one intent are to be close, others far (SupCon).",
            params=IntentContrastParams,
            build=lazy("nlu_kit_objectives.intents:IntentContrast"),
            trial={"corpora": ["intents.jsonl"], "dev": ["intents.jsonl"]},
            sample=write_sample,
        ),
        ObjectiveSpec(
            name="distill",
            summary="Agree with a teacher on sentence vectors and words' vectors.",
            params=DistillParams,
            build=lazy("nlu_kit_objectives.distill:Distillation"),
            trial={**_TEXTS, "backbone": _TEACHER},
            sample=write_sample,
        ),
    ]
