"""A prediction as text."""

from __future__ import annotations

from typing import Any

import click
import pytest

from nlu_kit.cli.output import shown
from nlu_kit.cli.render import render
from nlu_kit.data.prediction import EntityPrediction, LabelPrediction, Prediction

BOOK = LabelPrediction(name="book", confidence=0.4)


def seen(fields: dict[str, Any], text: str = "zzz") -> list[str]:
    """The lines, without colours."""
    return click.unstyle(shown(render(Prediction(text=text, truncated=False, fields=fields)))).split("\n")


@pytest.mark.parametrize(("out", "line"), [(True, "out of scope: yes (score 0.873)"), (False, "out of scope: no")])
def test_it_says_whether_a_text_is_out_of_scope_and_keeps_the_intent(out: bool, line: str) -> None:
    lines = seen({"intent": BOOK, "intents": (BOOK,), "out_of_scope": out, "out_of_scope_score": 0.8731})
    assert lines[:2] == ["zzz", "  intent: book (0.40)"]
    assert lines[2].startswith(f"  {line}")
    assert len(lines) == 3


def test_what_a_strangers_head_decodes_to_is_shown_item_by_item() -> None:
    assert seen({"pairs": (1, 2), "mood": 0.5, "none": ()})[1:3] == ["  pairs: 1, 2", "  mood: 0.5"]


def test_without_a_detector_it_says_nothing_of_it() -> None:
    assert "scope" not in "".join(seen({"intent": BOOK}))


def test_a_set_of_labels_is_shown_and_a_ranking_beside_the_best_label_is_not() -> None:
    found = tuple(LabelPrediction(name=name, confidence=0.9) for name in ("flight", "airfare"))
    assert seen({"intents": found}) == ["zzz", "  intents: flight (0.90), airfare (0.90)"]
    assert seen({"intent": found[0], "intents": found}) == ["zzz", "  intent: flight (0.90)"]


def test_nothing_found_is_said() -> None:
    assert seen({"intents": (), "entities": ()})[1] == "  intents: none"


def test_whatever_breaks_lines_or_commands_a_terminal_is_a_symbol_in_its_place() -> None:
    text = "a\n\x1b[2JParis\tb\r\u2028"
    city = EntityPrediction(start=6, end=11, text="Paris", label="ci\x1bty\n", confidence=0.5)
    lines = seen({"entities": (city,), "mood": "x\n\x9b", "intent": LabelPrediction(name="\x07\n", confidence=1)}, text)
    assert lines == [
        "a␊␛[2J[Paris](ci␛ty␊)␉b␍\ufffd",
        "  entities: ci␛ty␊='Paris' (0.50)",
        "  mood: x␊\ufffd",
        "  intent: ␇␊ (1.00)",
    ]
