"""What a jsonl line may say, and what is said of one that is wrong."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlu_kit.data.example import Entity, Example
from nlu_kit.errors import DataError
from nlu_kit_readers import JsonlParams
from nlu_kit_readers.jsonl import _example, read_jsonl

GOOD = '{"text": "hi", "intent": "greet"}\n'


def read(tmp_path: Path, content: str | bytes) -> list[Example]:
    file = tmp_path / "data.jsonl"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return list(read_jsonl(JsonlParams(), file))


def entities(*items: object, text: str = "to Paris now") -> str:
    return json.dumps({"text": text, "entities": list(items)})


def span(start: object, end: object, **more: object) -> dict[str, object]:
    return {"start": start, "end": end, "label": "city", **more}


def test_reads_everything_a_line_may_say(tmp_path: Path) -> None:
    line = entities(
        span(9, 12, label="time"), span(3, 8, role="to", group="1", value="PAR", text="Paris"), text="to Paris now"
    )
    record = {**json.loads(line), "intent": "travel", "tone": "calm", "split": 3}
    (example,) = read(tmp_path, json.dumps(record))
    assert example == Example(
        text="to Paris now",
        intent="travel",
        entities=(
            Entity(start=3, end=8, label="city", role="to", group="1", value="PAR"),
            Entity(start=9, end=12, label="time"),
        ),
        labels={"tone": "calm", "split": 3},
        source=f"{tmp_path / 'data.jsonl'}:1",
    )


@pytest.mark.parametrize("line", ['{"text": "a"}', '{"text": "a", "intent": null, "entities": null}'])
def test_absent_and_null_mean_not_annotated(tmp_path: Path, line: str) -> None:
    (example,) = read(tmp_path, line)
    assert example.intent is None
    assert example.entities is None
    assert example.labels == {}


def test_an_empty_list_means_no_entities(tmp_path: Path) -> None:
    assert read(tmp_path, '{"text": "a", "entities": []}')[0].entities == ()


def test_blank_lines_crlf_and_bom_are_tolerated_and_lines_counted(tmp_path: Path) -> None:
    examples = read(
        tmp_path, b"\xef\xbb\xbf" + f'\r\n{GOOD}  \n{{"text": "caf\u00e9\u2028 \U0001f600"}}\r\n\n'.encode()
    )
    assert [example.text for example in examples] == ["hi", "café\u2028 😀"]
    assert [example.source.rsplit(":", 1)[1] for example in examples] == ["2", "4"]


@pytest.mark.parametrize(
    ("value", "intent"), [("greet", "greet"), (["greet"], ("greet",)), (["b", "a"], ("b", "a")), ([], ())]
)
def test_an_intent_is_a_label_or_a_list_of_them(tmp_path: Path, value: object, intent: object) -> None:
    (example,) = read(tmp_path, json.dumps({"text": "a", "intent": value}))
    assert example.intent == example.get("intent") == intent


def test_entities_may_nest_and_overlap_in_text_order_the_longer_first(tmp_path: Path) -> None:
    spans = [span(6, 12), span(3, 8), span(3, 12), span(3, 8, label="a")]
    (example,) = read(tmp_path, entities(*spans))
    found = [(entity.start, entity.end, entity.label) for entity in example.entities or ()]
    assert found == [(3, 12, "city"), (3, 8, "a"), (3, 8, "city"), (6, 12, "city")]


def test_touching_entities_do_not_overlap(tmp_path: Path) -> None:
    (example,) = read(tmp_path, entities(span(0, 1), span(1, 2), text="10 km"))
    assert [(entity.start, entity.end) for entity in example.entities or ()] == [(0, 1), (1, 2)]


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), st.data())
def test_offsets_count_characters_of_any_text(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    piece = text[start:end]
    line = json.dumps({"text": text, "entities": [span(start, end, text=piece)]}, ensure_ascii=data.draw(st.booleans()))
    if piece != piece.strip() or not text.strip():
        with pytest.raises(DataError):
            _example(line, "f:1")
    else:
        example = _example(line, "f:1")
        assert example.text == text
        assert [text[entity.start : entity.end] for entity in example.entities or ()] == [piece]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('{"text": "a"', "not valid JSON"),
        ("[1]", "expected a JSON object, got a list"),
        ("true", "got true or false"),
        ('{"text": "a", "text": "b"}', "'text' occurs twice"),
        ("[" * 12_000, "nested too deeply"),
        ('{"text": "a", "n": ' + "1" * 5000 + "}", "not valid JSON: Exceeds the limit"),
        ('{"text": "a", "n": NaN}', "not valid JSON: NaN is not a JSON number"),
        ('{"utterance": "a"}', "the key 'text' is missing (keys here: utterance)"),
        ('{"text": 3}', "'text' must be a string, got a number"),
        ('{"text": " \\t"}', "'text' is empty"),
        ('{"text": "a \\ud83d"}', r"'\ud83d' is half of a surrogate pair"),
        ('{"text": "a", "intent": "play\\ud83d_music"}', r"'\ud83d' is half of a surrogate pair"),
        ('{"text": "a", "entities": [{"start": 0, "end": 1, "label": "\\udc00"}]}', "half of a surrogate pair"),
        ('{"text": "a", "entities": [{"start": 0, "end": 1, "label": "x", "role": "\\udc00"}]}', "half of a surrogate"),
        ('{"text": "a", "mood": ["\\udc00"]}', "half of a surrogate pair"),
        ('{"text": "a", "\\udc00": 1}', "half of a surrogate pair"),
        ('{"text": "a", "intent": 3}', "'intent' must be a string or a list of strings, got a number"),
        ('{"text": "a", "intent": {"name": "x"}}', "'intent' must be a string or a list of strings, got an object"),
        ('{"text": "a", "intent": ["x", 3]}', "'intent' must be a string or a list of strings, got a number"),
        ('{"text": "a", "intent": ""}', "'intent' has an empty string"),
        ('{"text": "a", "intent": ["x", " "]}', "'intent' has an empty string"),
        ('{"text": "a", "intent": ["x", "y", "x"]}', "'intent' lists 'x' twice"),
        ('{"text": "a", "entities": {}}', "'entities' must be a list"),
        (entities("Paris"), "entity 1 must be an object"),
        (entities(span(3, 8), {"start": 0, "label": "x"}), "entity 2 has no 'end'"),
        (entities(span("3", 8)), "'start' must be a whole number, got '3'"),
        (entities(span(3, 8.0)), "'end' must be a whole number, got 8.0"),
        (entities(span(True, 8)), "'start' must be a whole number, got True"),
        (entities(span(-2, 8)), "[-2, 8) does not fit the text, which has 12 characters"),
        (entities(span(3, 13)), "[3, 13) does not fit"),
        (entities(span(8, 3)), "[8, 3) does not fit"),
        (entities(span(3, 3)), "[3, 3) does not fit"),
        (entities({"start": 3, "end": 8}), "has no 'label'"),
        (entities(span(3, 8, label=" ")), "'label' must be a string that is not empty"),
        (entities(span(3, 8, role=1)), "'role' must be a string"),
        (entities(span(3, 8, vaule="x")), "unknown key 'vaule'; did you mean 'value'?"),
        (entities(span(3, 8, text="Pari")), "'text' is 'Pari', but [3, 8) of the text is 'Paris'"),
        (entities(span(2, 3)), "only white space"),
        (entities(span(2, 9)), 'starts or ends with white space; write "start": 3, "end": 8'),
        (entities(span(3, 8), span(0, 2), span(3, 8, role="to")), "[3, 8) 'Paris' (city) is there twice"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(tmp_path: Path, line: str, says: str) -> None:
    with pytest.raises(DataError) as caught:
        read(tmp_path, GOOD + "\n" + line + "\n" + GOOD)
    assert str(caught.value).startswith(f"{tmp_path / 'data.jsonl'}:3: ")
    assert says in str(caught.value)


def test_bytes_that_are_not_utf8_are_named_with_their_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"data\.jsonl:2: not UTF-8: byte 0xe9 at position 13"):
        read(tmp_path, GOOD.encode() + b'{"text": "caf\xe9"}')


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not exist"):
        list(read_jsonl(JsonlParams(), tmp_path / "no.jsonl"))
    with pytest.raises(DataError, match="folder"):
        list(read_jsonl(JsonlParams(), tmp_path))


def test_lines_are_streamed(tmp_path: Path) -> None:
    file = tmp_path / "data.jsonl"
    file.write_text(GOOD + GOOD + "broken\n")
    assert len(list(islice(read_jsonl(JsonlParams(), file), 2))) == 2
