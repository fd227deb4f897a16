"""Errors: all of them, worst first, and what is out of scope."""

from __future__ import annotations

import json
from typing import Any

from nlu_kit.evaluation.mistakes import errors_text, find_errors, kind_counts
from nlu_kit.evaluation.predictions import Predictions


def test_worst_first(answers: Predictions) -> None:
    errors = find_errors(answers)
    assert [error["text"] for error in errors] == [
        "wake me at seven",
        "a table in New York",
        "snooze",
        "from Rome to Oslo",
    ]
    assert [error["confidence"] for error in errors] == [0.95, 0.7, 0.4, None]  # nothing wrong said, one thing missing
    assert [error["source"] for error in errors] == ["t.jsonl:2", "t.jsonl:4", "t.jsonl:7", "t.jsonl:5"]
    worst = errors[0]
    assert worst["heads"] == ["intent", "ner"]
    assert worst["kinds"] == ["intent: wrong", "ner: type"]
    assert worst["labels"] == ["wake", "play", "time", "city"]
    assert worst["gold"]["intent"]["name"] == "wake"
    assert worst["predicted"]["entities"] == [
        {"start": 11, "end": 16, "text": "seven", "label": "city", "confidence": 0.95}
    ]
    assert kind_counts(errors)["intent: wrong"] == 2


def test_a_line_each_and_all_of_it_json(answers: Predictions) -> None:
    errors = find_errors(answers)
    lines = errors_text(errors).splitlines()
    assert [json.loads(line) for line in lines] == [dict(error) for error in errors]


def test_out_of_scope(make_part: Any) -> None:
    rows = [
        ("play jazz", "play", [], "play", 0.6, []),
        ("play rock", "play", [], "play", 0.5, []),
        ("what is love", "oos", None, "book", 0.99, []),
        ("why", "oos", None, "book", 0.2, []),
    ]
    errors = find_errors(Predictions([make_part(rows, scores=[0.1, 0.7, 0.2, 0.9])]))
    assert [(error["text"], error["kinds"]) for error in errors] == [
        ("what is love", ["out_of_scope: accepted"]),
        ("play rock", ["out_of_scope: rejected"]),
    ]
    assert errors[0]["confidence"] == 0.99
    assert errors[0]["gold"] == {"out_of_scope": True, "intent": None}
    assert errors[0]["predicted"]["intent"]["name"] == "book"
    assert errors[1]["predicted"]["out_of_scope"] is True
