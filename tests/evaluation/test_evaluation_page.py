"""The page: complete, self-contained, and no text of a user's becomes markup."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import pytest

from nlu_kit.evaluation.cards import CARDS, Card, card
from nlu_kit.evaluation.evaluation_page import evaluation_page
from nlu_kit.evaluation.gates import Gate, check_gates
from nlu_kit.evaluation.predictions import Predictions
from nlu_kit.evaluation.summary import summarise
from nlu_kit.evaluation.table import table_lines
from nlu_kit.report.pages import environment

EVIL = '<img src=x onerror="alert(1)"> & co'
VOID = {"meta", "br", "input"}
COST = {
    "device": "cpu",
    "threads": 1,
    "latency_ms": {"p50": 3.25, "p99": 9.0, "texts": 7},
    "throughput": 1234.5,
    "batch_size": 32,
    "peak_memory_mb": 500.0,
    "model_mb": 87.2,
    "parameters": 22_000_000,
}


class Page(HTMLParser):
    """Checks that tags are closed in order; keeps tags and text."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def parse(markup: str) -> Page:
    page = Page()
    page.feed(markup)
    assert page.open == []
    return page


def test_the_page(answers: Predictions) -> None:
    evaluation = summarise(answers, name=EVIL, model=EVIL, data=EVIL, cost=COST)
    gates = [Gate("exact_match", 0.9)]
    evaluation.summary["gates"] = check_gates(gates, evaluation.summary["figures"])
    markup = evaluation_page(evaluation)
    page = parse(markup)
    assert not [tag for tag, _ in page.tags if tag == "img"]
    assert not [key for _, attributes in page.tags for key in attributes if key.startswith("on")]
    assert len([tag for tag, _ in page.tags if tag == "script"]) == 1
    assert not re.search(r'(src|href)="', markup)
    headings = "".join(page.text)
    for wanted in ("Thresholds", "Figures", "Head intent", "Confused most often", "Speed and size", "Errors"):
        assert wanted in headings
    assert len([1 for tag, attributes in page.tags if tag == "li" and attributes.get("data-tags")]) == 4
    assert {"select", "input", "output"} <= {tag for tag, _ in page.tags}
    (form,) = [attributes for tag, attributes in page.tags if tag == "form"]
    assert "hidden" in form  # until the script shows it


def test_every_tag_of_a_card_is_an_option(answers: Predictions) -> None:
    page = parse(evaluation_page(summarise(answers, name="x", model="m", data="d")))
    options = {attributes.get("value") for tag, attributes in page.tags if tag == "option"}
    used = {one for _, attributes in page.tags for one in (attributes.get("data-tags") or "").split()}
    assert used
    assert used <= options


def test_without_errors_there_is_no_script(make_part: Any) -> None:
    part = make_part([("play jazz", "play", [], "play", 0.6, [])])
    evaluation = summarise(Predictions([part]), name="x", model="m", data="d")
    markup = evaluation_page(evaluation)
    assert "<script" not in markup
    assert "None: every annotated utterance is entirely right." in markup
    assert not any("lowest F1" in line for line in table_lines(evaluation.summary))


def test_data_that_is_all_out_of_scope_has_a_page_and_a_table(make_part: Any) -> None:
    part = make_part([("sing", "oos", None, "play", 0.9, []), ("dance", "oos", None, "play", 0.9, [])], scores=[0.9, 0])
    evaluation = summarise(Predictions([part]), name="x", model="m", data="d")
    parse(evaluation_page(evaluation))
    assert any(line.split()[:2] == ["out_of_scope.recall", "50.00"] for line in table_lines(evaluation.summary))


def test_control_characters_do_not_reach_the_page(make_part: Any) -> None:
    part = make_part([("a\x00b\x1b[1m", "play\x01", [], "book", 0.9, [])])
    markup = evaluation_page(summarise(Predictions([part]), name="x\x07", model="m", data="d"))
    assert "a␀b␛[1m" in markup
    assert not [c for c in markup if c < " " and c not in "\t\n\r"]


def test_many_errors_are_cut_and_many_labels_stay_readable(make_part: Any) -> None:
    rows = [(f"text {i}", f"label {i % 150}", [], f"label {(i * 7) % 150}", 0.5, []) for i in range(CARDS + 100)]
    evaluation = summarise(Predictions([make_part(rows)]), name="x", model="m", data="d")
    markup = evaluation_page(evaluation)
    page = parse(markup)
    assert len(evaluation.errors) > CARDS
    assert len([1 for tag, attributes in page.tags if tag == "li" and attributes.get("data-tags")]) == CARDS
    assert f"The first {CARDS} of {len(evaluation.errors)}" in markup
    assert "all others" in markup
    assert "23 of 150 labels" in markup
    assert len(markup) < 1_500_000


def markup_of(it: Card) -> str:
    parts: Any = environment().get_template("parts.html").module
    return str(parts.card(it))


def made(text: str, gold: Any, predicted: Any) -> str:
    return markup_of(card(text, {"annotated": gold, "predicted": predicted}, facts=["ner: boundary", "", "f:1"]))


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [("👩‍👩‍👧 in Paris 🎉", 9, 14), ("un cafe\u0301 a\u0300 Paris", 11, 16), ("طاولة في باريس", 9, 14)],
)
def test_a_card_marks_characters_not_bytes(text: str, start: int, end: int) -> None:
    span = {"start": start, "end": end, "text": text[start:end], "label": "city", "confidence": 1.0}
    markup = made(text, {"entities": [span]}, {"entities": []})
    assert f">{text[start:end]}</mark>" in markup
    assert 'dir="auto"' in markup
    plain = re.sub(r"<bdi class=\"label.*?</bdi>|<[^>]+>", "", markup)
    assert plain.count(text) == 2  # annotated and predicted


def test_a_card_of_other_things() -> None:
    markup = made("x", {"out_of_scope": True, "intent": None, "topics": [{"name": "a"}]}, {
        "out_of_scope": False, "intent": {"name": "book", "confidence": 0.99}, "topics": []})  # fmt: skip
    shown = re.sub(r"<[^>]+>", "", markup)
    assert "out_of_scopeyes · predicted no" in shown
    assert "intentnone · predicted book 0.99" in shown
    assert "topicsa · predicted none" in shown
