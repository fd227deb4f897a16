"""The starter corpus: exact spans, no leaks between splits, enough of everything, reproducible."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
STARTER = ROOT / "nlu_kit" / "starter"
BUILD = ROOT / "tools" / "starter_corpus" / "build.py"
SPLITS = ("train", "dev", "test")
LABEL_MINIMUM = {"train": 40, "dev": 6, "test": 10}
INTENT_MINIMUM = {"train": 45, "dev": 7, "test": 12}
#: Labels whose test values must be new for a good part; the others are more or less closed classes.
OPEN_LABELS = ("airline", "artist", "city", "cuisine", "hotel", "person", "playlist", "restaurant", "song", "task")
#: Words that are always an entity or a part of one.
ALWAYS_ENTITY = re.compile(
    r"\b(today|tomm?orr?ow|tonight|tonite|(mon|tues|wednes|thurs|fri|satur|sun)day|weekend|weekday|noon|midday"
    r"|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|minutes?|euros?|dollars?|\d\w*)\b",
    re.IGNORECASE,
)


def load(split: str) -> list[dict]:
    """Return the rows of a split."""
    text = (STARTER / f"{split}.jsonl").read_bytes().decode("utf-8")
    assert "\r" not in text
    assert text.endswith("\n")
    return [json.loads(line) for line in text.splitlines()]


@pytest.fixture(scope="module")
def corpus() -> dict[str, list[dict]]:
    """Load all three splits."""
    return {split: load(split) for split in SPLITS}


def delex(row: dict) -> str:
    """Return the utterance in lower case with its entities replaced by ``{label}``."""
    text, at, out = row["text"], 0, []
    for entity in sorted(row["entities"], key=lambda e: e["start"]):
        out += [text[at : entity["start"]].lower(), "{", entity["label"], "}"]
        at = entity["end"]
    return "".join([*out, text[at:].lower()])


def fold(text: str) -> str:
    """Fold case, punctuation and white space away."""
    return " ".join(re.sub(r"[^\w\s{}]", "", text.lower().replace("-", " ")).split())


def words(text: str) -> frozenset[str]:
    """Return the set of lower-cased words; a ``{label}`` counts as one word."""
    return frozenset(re.findall(r"\{\w+\}|[\w']+", text))


def letters(text: str) -> str:
    """Return the text without white space and punctuation; a ``{label}`` stays."""
    return re.sub(r"[^\w{}]", "", text.lower())


def test_rows_have_exactly_the_documented_shape(corpus: dict[str, list[dict]]) -> None:
    for rows in corpus.values():
        for row in rows:
            assert list(row) == ["text", "intent", "entities"], row
            assert isinstance(row["text"], str), row
            assert row["text"].strip() == row["text"] != "", row
            assert re.fullmatch(r"[a-z]+(_[a-z]+)*", row["intent"]), row
            assert isinstance(row["entities"], list), row
            for entity in row["entities"]:
                assert list(entity) == ["start", "end", "label"], row
                assert re.fullmatch(r"[a-z]+(_[a-z]+)*", entity["label"]), row


def test_spans_are_exact(corpus: dict[str, list[dict]]) -> None:
    for rows in corpus.values():
        for row in rows:
            text, last = row["text"], 0
            for entity in row["entities"]:
                start, end = entity["start"], entity["end"]
                assert 0 <= start < end <= len(text), row
                assert start >= last, f"overlapping or unsorted: {row}"
                last = end
                span = text[start:end]
                assert span == span.strip(), row
                assert start == 0 or not (text[start - 1].isalnum() and text[start].isalnum()), row
                assert end == len(text) or not (text[end - 1].isalnum() and text[end].isalnum()), row
                assert not re.search(r"[,;:!?…]$", span), row


def test_no_obvious_entity_is_left_unlabelled(corpus: dict[str, list[dict]]) -> None:
    for rows in corpus.values():
        for row in rows:
            outside = re.sub(r"\{\w+\}", "@", delex(row))
            assert not ALWAYS_ENTITY.search(outside), row


def test_names_are_labelled_wherever_they_occur(corpus: dict[str, list[dict]]) -> None:
    everything = [row for rows in corpus.values() for row in rows]
    names = {
        row["text"][e["start"] : e["end"]].lower()
        for row in everything
        for e in row["entities"]
        if e["label"] in ("city", "airline", "hotel", "restaurant", "playlist")
    }
    pattern = re.compile(r"\b(" + "|".join(sorted(map(re.escape, names))) + r")\b")
    for row in everything:
        assert not pattern.search(re.sub(r"\{\w+\}", "@", delex(row))), row


def test_every_text_is_unique(corpus: dict[str, list[dict]]) -> None:
    seen = Counter(fold(row["text"]) for rows in corpus.values() for row in rows)
    assert [text for text, n in seen.items() if n > 1] == []


def test_a_pattern_belongs_to_one_split(corpus: dict[str, list[dict]]) -> None:
    patterns = {split: {fold(delex(row)) for row in rows} for split, rows in corpus.items()}
    for a, b in (("train", "dev"), ("train", "test"), ("dev", "test")):
        assert patterns[a] & patterns[b] == set()


def test_same_words_or_letters_are_in_one_split_only(corpus: dict[str, list[dict]]) -> None:
    """At any length: neither another order of the same words nor another spelling of the same letters."""
    for kind in (words, lambda d: words(fold(d)), letters):
        keys = {split: {kind(delex(row)): row["text"] for row in rows} for split, rows in corpus.items()}
        for a, b in (("train", "dev"), ("train", "test"), ("dev", "test")):
            assert [(keys[a][key], keys[b][key]) for key in keys[a].keys() & keys[b].keys()] == []


@pytest.mark.parametrize(
    ("a", "b"),
    [("Forgotten password.", "Password forgotten."), ("hi hi hello", "hi hello"), ("goodnight", "Good night.")],
)
def test_short_near_duplicates_are_recognised(a: str, b: str) -> None:
    assert words(a.lower()) == words(b.lower()) or letters(a) == letters(b)


def test_no_near_duplicates_across_splits(corpus: dict[str, list[dict]]) -> None:
    sets = {split: {words(delex(row)) for row in rows} for split, rows in corpus.items()}
    for a, b in (("train", "dev"), ("train", "test"), ("dev", "test")):
        close = [
            (sorted(x), sorted(y))
            for x in sets[a]
            for y in sets[b]
            if max(len(x), len(y)) >= 4 and len(x & y) >= 0.8 * len(x | y)
        ]
        assert close == []


def test_train_is_not_template_soup(corpus: dict[str, list[dict]]) -> None:
    patterns = {split: Counter(fold(delex(r)) for r in rows if r["entities"]) for split, rows in corpus.items()}
    assert max(patterns["train"].values()) <= 5
    assert len(patterns["train"]) >= 120
    assert len(patterns["dev"]) >= 25
    assert len(patterns["test"]) >= 40


def test_every_intent_is_in_every_split(corpus: dict[str, list[dict]]) -> None:
    counts = {split: Counter(row["intent"] for row in rows) for split, rows in corpus.items()}
    assert len(counts["train"]) >= 15
    for split in SPLITS:
        assert set(counts[split]) == set(counts["train"])
        assert min(counts[split].values()) >= INTENT_MINIMUM[split], counts[split]


def test_every_label_is_in_every_split(corpus: dict[str, list[dict]]) -> None:
    counts = {split: Counter(e["label"] for row in rows for e in row["entities"]) for split, rows in corpus.items()}
    assert len(counts["train"]) >= 15
    for split in SPLITS:
        assert set(counts[split]) == set(counts["train"])
        assert min(counts[split].values()) >= LABEL_MINIMUM[split], counts[split]


def test_entity_share_and_sizes(corpus: dict[str, list[dict]]) -> None:
    assert sum(map(len, corpus.values())) >= 1200
    assert len(corpus["train"]) > len(corpus["test"]) > len(corpus["dev"]) >= 200
    for split, rows in corpus.items():
        share = sum(bool(row["entities"]) for row in rows) / len(rows)
        assert 0.27 <= share <= 0.33, (split, share)


def test_test_values_ask_for_generalisation(corpus: dict[str, list[dict]]) -> None:
    values = {
        split: [(e["label"], row["text"][e["start"] : e["end"]].lower()) for row in rows for e in row["entities"]]
        for split, rows in corpus.items()
    }
    known = set(values["train"])
    for label in OPEN_LABELS:
        mine = [value for value in values["test"] if value[0] == label]
        unseen = sum(value not in known for value in mine) / len(mine)
        assert 0.3 <= unseen <= 0.95, (label, unseen)


def test_the_demo_sentence_is_absent_but_has_relatives(corpus: dict[str, list[dict]]) -> None:
    everything = [row for rows in corpus.values() for row in rows]
    for row in everything:
        assert "book a table in paris" not in fold(row["text"])
        assert fold(delex(row)) != "book a table in {city}"
    assert any(re.search(r"\bparis\b", row["text"].lower()) and row["entities"] for row in corpus["train"])
    booking = [delex(row) for row in corpus["train"] if row["intent"] == "book_restaurant" and row["entities"]]
    assert any("book" in d and "{city}" in d for d in booking)


def test_both_sides_of_the_booking_intent_exist(corpus: dict[str, list[dict]]) -> None:
    for split, rows in corpus.items():
        booking = [bool(row["entities"]) for row in rows if row["intent"] == "book_restaurant"]
        assert min(booking.count(True), booking.count(False)) >= 5, split


def test_the_shipped_files_are_what_the_builder_builds() -> None:
    done = subprocess.run([sys.executable, str(BUILD), "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_check_notices_a_changed_file(tmp_path: Path) -> None:
    """``--check`` run on a copy of the sources whose data file was changed must fail."""
    tools = tmp_path / "tools" / "starter_corpus"
    (tools / "patterns").mkdir(parents=True)
    (tools / "build.py").write_bytes(BUILD.read_bytes())
    for path in (BUILD.parent / "patterns").glob("*.txt"):
        (tools / "patterns" / path.name).write_bytes(path.read_bytes())
    starter = tmp_path / "nlu_kit" / "starter"
    starter.mkdir(parents=True)
    for split in SPLITS:
        (starter / f"{split}.jsonl").write_bytes((STARTER / f"{split}.jsonl").read_bytes())
    command = [sys.executable, str(tools / "build.py"), "--check"]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0
    with (starter / "dev.jsonl").open("ab") as handle:
        handle.write(b"{}\n")
    assert subprocess.run(command, capture_output=True, check=False).returncode == 1


def test_the_sizes_in_the_readme_are_the_measured_ones(corpus: dict[str, list[dict]]) -> None:
    readme = (STARTER / "README.md").read_text(encoding="utf-8")
    for split, rows in corpus.items():
        carrying = sum(bool(row["entities"]) for row in rows)
        spans = sum(len(row["entities"]) for row in rows)
        assert f"| {split} | {len(rows)} | {carrying} | {carrying / len(rows):.1%} | {spans} |" in readme
    for kind in ("intent", "label"):
        counts = [
            Counter(name for row in corpus[split] for name in ([row["intent"]] if kind == "intent" else labels_of(row)))
            for split in SPLITS
        ]
        for name in counts[0]:
            cells = [str(count[name]) for count in counts]
            row = re.compile(rf"\| `{name}` \| " + r"[^|]*\| ".join(rf"{cell}\b" for cell in cells))
            assert row.search(readme), (name, cells)


def labels_of(row: dict) -> list[str]:
    """Return the labels of a row's entities."""
    return [entity["label"] for entity in row["entities"]]
