"""How relations are written, and what is said of slips."""

from __future__ import annotations

from typing import Any

import pytest

from nlu_kit.plugin import CodecContext, DataError, Entity, Example, LabelSpace, NothingToLearnError
from nlu_kit_relations.annotation import Relation, relations_of
from nlu_kit_relations.codec import RelationsCodec
from nlu_kit_relations.params import RelationsParams

TEXT = "play Misty by Ella"
SONG, ARTIST = Entity(start=5, end=10, label="song"), Entity(start=14, end=18, label="artist")
HEAD, TAIL = {"start": 5, "end": 10}, {"start": 14, "end": 18}
BY = {"label": "by", "head": HEAD, "tail": TAIL}


def example(relations: Any, entities: Any = (SONG, ARTIST)) -> Example:
    return Example(text=TEXT, entities=entities, labels={"relations": relations}, source="songs.jsonl:3")


def read(relations: Any, entities: Any = (SONG, ARTIST)) -> Any:
    return relations_of(example(relations, entities), RelationsParams())


def test_a_relation_is_between_annotated_entities() -> None:
    assert read([BY]) == (Relation(label="by", head=SONG, tail=ARTIST),)
    assert read([{**BY, "head": {**HEAD, "text": "Misty"}}]) == read([BY])


def test_none_at_all_and_not_annotated_are_two_things() -> None:
    assert read([]) == ()
    assert read(None) is None
    assert read([], entities=None) == ()


@pytest.mark.parametrize(
    ("relations", "said"),
    [
        ("by", "must be a list of relations"),
        ([["by", 0, 1]], r"relation 1 must be an object with label, head, tail, got \['by', 0, 1\]"),
        ([{**BY, "lable": "by"}], "relation 1: unknown key 'lable'; did you mean 'label'"),
        ([{**BY, "label": " "}], "'label' must name the relation"),
        ([{**BY, "label": "none"}], "'none' is what the head calls a pair without relation"),
        ([{"label": "by", "head": HEAD}], "relation 1: 'tail' must say where its entity is"),
        ([{**BY, "tail": 1}], "'tail' must say where its entity is, such as"),
        (
            [{**BY, "tail": {"start": 14, "end": 17}}],
            r"no entity is at \[14, 17\); the entities here: \[5, 10\) 'Misty'",
        ),
        ([{**BY, "tail": {**TAIL, "text": "Etta"}}], "'text' is 'Etta', but .* is 'Ella'; mend the offsets"),
        ([{**BY, "tail": {**TAIL, "label": "artist"}}], "unknown key 'label'; .*allowed: start, end, text"),
        ([{**BY, "tail": HEAD}], "head and tail are the same entity"),
        ([BY, {**BY, "label": "of"}], r"relation 2 has the same head and tail as another \(by, of\)"),
    ],
)
def test_slips_are_told_with_their_place(relations: Any, said: str) -> None:
    with pytest.raises(DataError, match=rf"songs\.jsonl:3: 'relations'.*{said}"):
        read(relations)


def test_relations_need_entities() -> None:
    with pytest.raises(DataError, match=r"no entity is at \[5, 10\); the entities here: none"):
        read([BY], entities=())
    with pytest.raises(DataError, match="there are relations, but no entities in a field 'entities'; annotate them"):
        read([BY], entities=None)
    with pytest.raises(DataError, match="'places' must be a list of entities, got 'Rome'"):
        relations_of(Example(text=TEXT, labels={"relations": [], "places": "Rome"}), RelationsParams(spans="places"))


def test_two_entities_at_one_place_leave_open_which_is_meant() -> None:
    other = Entity(start=5, end=10, label="person")
    with pytest.raises(DataError, match=r"several entities are at \[5, 10\)"):
        read([BY], entities=(SONG, other, ARTIST))


def test_labels_are_those_of_train_after_none() -> None:
    codec = RelationsCodec(RelationsParams(), CodecContext(name="relations", labels=LabelSpace(())))
    backwards = {"label": "sang", "head": TAIL, "tail": HEAD}
    assert codec.fit_labels([example([backwards, BY])]).names == ("none", "by", "sang")
    with pytest.raises(NothingToLearnError, match="no training example has a relation in its field 'relations'"):
        codec.fit_labels([example([]), example(None)])
