"""What goes in and out: our own shape, and the one that Rasa's clients know."""

from __future__ import annotations

import json
from typing import Annotated, Any

from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, field_validator

from nlu_kit.data.prediction import OUT_OF_SCOPE, OUT_OF_SCOPE_SCORE, Prediction

EXAMPLE = "book a table in Paris"


class Answer(JSONResponse):
    """JSON, whatever was asked: half a surrogate pair, which UTF-8 has no bytes for, goes back as the escape that it
    came as."""

    def render(self, content: Any) -> bytes:
        try:
            return super().render(content)
        except UnicodeEncodeError:
            return json.dumps(content, separators=(",", ":")).encode("ascii")


class ParseRequest(BaseModel):
    """``text``, or several ``texts``."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"text": EXAMPLE, "top_k": 3}]})

    text: str | None = Field(default=None, description="One text.")
    texts: list[Any] | None = Field(default=None, description="Several; one that is no text has an error of its own.")
    top_k: Annotated[int, Field(ge=1, le=1000)] | None = Field(default=None, description="So many intents at most.")
    threshold: Annotated[float, Field(allow_inf_nan=False)] | None = Field(
        default=None, description="Scores above it are out of scope; when absent, the model's own."
    )


class RasaRequest(BaseModel):
    """What Rasa's clients send."""

    model_config = ConfigDict(extra="ignore", json_schema_extra={"examples": [{"text": EXAMPLE}]})

    text: str
    message_id: Any = Field(default=None, description="Not used.")

    @field_validator("text", mode="before")
    @classmethod
    def _first(cls, text: Any) -> Any:
        """Rasa takes the first of several, too."""
        return text[0] if isinstance(text, list) and text else text


def answer(prediction: Prediction, *, top_k: int | None, threshold: float | None) -> dict[str, Any]:
    """A prediction as `nlu-kit predict --json` prints it, with another threshold if one is given."""
    found = prediction.to_json()
    if top_k is not None and isinstance(found.get("intents"), list):
        found["intents"] = found["intents"][:top_k]
    if threshold is not None and OUT_OF_SCOPE_SCORE in found:
        found[OUT_OF_SCOPE] = found[OUT_OF_SCOPE_SCORE] > threshold
    return found


def rasa_answer(prediction: Prediction, *, fallback: str) -> dict[str, Any]:
    """As Rasa's ``/model/parse`` answers. Where the text is out of scope, the intent is ``fallback``, with what the
    model would have said behind it."""
    ranking = [{"name": each.name, "confidence": each.confidence} for each in prediction.intents]
    if not ranking and prediction.intent is not None:
        ranking = [{"name": prediction.intent.name, "confidence": prediction.intent.confidence}]
    if prediction.out_of_scope:
        ranking.insert(0, {"name": fallback, "confidence": 1.0})
    entities = [
        {
            "entity": entity.label,
            "start": entity.start,
            "end": entity.end,
            "value": entity.text,
            "confidence_entity": entity.confidence,
            "extractor": "nlu-kit",
            **{key: found for key in ("role", "group") if (found := getattr(entity, key, None)) is not None},
        }
        for entity in prediction.entities
    ]
    intent = ranking[0] if ranking else {"name": None, "confidence": 0.0}
    return {"text": prediction.text, "intent": intent, "entities": entities, "intent_ranking": ranking}
