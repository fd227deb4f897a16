"""A prediction as text."""

from __future__ import annotations

import click
import pytest

from nlu_kit.cli.render import render
from nlu_kit.data.prediction import LabelPrediction, Prediction


@pytest.mark.parametrize(("out", "line"), [(True, "out of scope: yes (score 0.873)"), (False, "out of scope: no")])
def test_it_says_whether_a_text_is_out_of_scope_and_keeps_the_intent(out: bool, line: str) -> None:
    intent = LabelPrediction(name="book", confidence=0.4)
    fields = {"intent": intent, "intents": (intent,), "out_of_scope": out, "out_of_scope_score": 0.8731}
    lines = click.unstyle(render(Prediction(text="zzz", truncated=False, fields=fields))).splitlines()
    assert lines[:2] == ["zzz", "  intent: book (0.40)"]
    assert lines[2].startswith(f"  {line}")
    assert len(lines) == 3


def test_what_a_strangers_head_decodes_to_is_shown_item_by_item() -> None:
    fields = {"pairs": (1, 2), "mood": 0.5, "none": ()}
    assert render(Prediction(text="zzz", truncated=False, fields=fields)).splitlines()[1:3] == [
        "  pairs: 1, 2",
        "  mood: 0.5",
    ]


def test_without_a_detector_it_says_nothing_of_it() -> None:
    fields = {"intent": LabelPrediction(name="book", confidence=0.4)}
    assert "scope" not in render(Prediction(text="zzz", truncated=False, fields=fields))


def test_a_set_of_labels_is_shown_and_a_ranking_beside_the_best_label_is_not() -> None:
    found = tuple(LabelPrediction(name=name, confidence=0.9) for name in ("flight", "airfare"))
    alone = click.unstyle(render(Prediction(text="zzz", truncated=False, fields={"intents": found})))
    assert alone.splitlines() == ["zzz", "  intents: flight (0.90), airfare (0.90)"]
    none = render(Prediction(text="zzz", truncated=False, fields={"intents": (), "entities": ()}))
    assert "intents: none" in click.unstyle(none)
