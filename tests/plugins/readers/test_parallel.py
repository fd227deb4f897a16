"""The folder format of SNIPS and ATIS."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlu_kit.data.example import Example
from nlu_kit.errors import DataError
from nlu_kit_readers import ParallelParams
from nlu_kit_readers.parallel import is_parallel, read_parallel, spans


def folder(tmp_path: Path, texts: str, tags: str, intents: str) -> Path:
    for name, content in (("seq.in", texts), ("seq.out", tags), ("label", intents)):
        (tmp_path / name).write_bytes(content.encode())
    return tmp_path


def read(path: Path) -> list[Example]:
    return list(read_parallel(ParallelParams(), path))


def found(example: Example) -> list[tuple[str, str]]:
    return [(example.text[entity.start : entity.end], entity.label) for entity in example.entities or ()]


def test_text_is_kept_as_it_is_and_spans_index_it(tmp_path: Path) -> None:
    path = folder(tmp_path, " add  the clásicos  playlist \nhi\r\n", "O  O B-list I-list \nO\r\n", "Add\r\na#b\n")
    first, second = read(path)
    assert first.text == " add  the clásicos  playlist "
    assert found(first) == [("clásicos  playlist", "list")]
    assert (first.intent, first.source) == ("Add", f"{tmp_path / 'seq.in'}:1")
    assert (second.text, second.intent, second.entities) == ("hi", "a#b", ())


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ("B-x I-x O B-y", [("a b", "x"), ("d", "y")]),
        ("B-x B-x I-x I-x", [("a", "x"), ("b c d", "x")]),
        ("O I-x I-x O", [("b c", "x")]),
        ("B-x I-y I-y O", [("a", "x"), ("b c", "y")]),
        ("I-x O I-x B-x", [("a", "x"), ("c", "x"), ("d", "x")]),
        ("B-a.b-c I-a.b-c O O", [("a b", "a.b-c")]),
    ],
)
def test_tags_are_read_as_conlleval_reads_them(tmp_path: Path, tags: str, expected: list[tuple[str, str]]) -> None:
    assert found(read(folder(tmp_path, "a b c d", tags, "i"))[0]) == expected


@given(st.lists(st.sampled_from(["O", "B-x", "I-x", "B-y", "I-y"])))
def test_spans_are_conllevals_chunks(tags: list[str]) -> None:
    # Its rule from the other side: a chunk starts at a tag that is not O and does not go on from the tag before.
    words = [(3 * i, 3 * i + 2) for i in range(len(tags))]
    starts = [
        i
        for i, tag in enumerate(tags)
        if tag.startswith("B") or (tag.startswith("I") and (i == 0 or tags[i - 1][1:] != tag[1:]))
    ]
    got = spans(words, tags)
    assert [entity.start // 3 for entity in got] == starts
    covered = {i for entity in got for i in range(entity.start // 3, entity.end // 3 + 1)}
    assert covered == {i for i, tag in enumerate(tags) if tag != "O"}
    assert [entity.label for entity in got] == [tags[i][2:] for i in starts]


def test_a_no_break_space_belongs_to_its_word(tmp_path: Path) -> None:
    assert found(read(folder(tmp_path, "in New\u00a0York", "O B-city", "i"))[0]) == [("New\u00a0York", "city")]


def test_lines_blank_in_all_three_are_skipped(tmp_path: Path) -> None:
    examples = read(folder(tmp_path, "a\n\nb\n\n", "O\n\nO\n", "i\n\nj\n\n\n"))
    assert [(example.text, example.source[-1]) for example in examples] == [("a", "1"), ("b", "3")]


@pytest.mark.parametrize(
    ("texts", "tags", "intents", "where", "says"),
    [
        ("a\nb\n", "O\nO\n", "i\n", "label:2", "ends before this line, but not in seq.in and seq.out"),
        ("a\n", "O\nO\n", "i\nj\n", "seq.in:2", "ends before this line, but not in seq.out and label"),
        ("a\n \n", "O\nO\n", "i\nj\n", "seq.in:2", "the line is empty"),
        ("a\nb\n", "O\nO\n", "i\n\n", "label:2", "the line is empty"),
        ("a\nb c\n", "O\nO\n", "i\nj\n", "seq.out:2", "1 tags, but 2 words"),
        ("a\nb c\n", "O\nO O O\n", "i\nj\n", "seq.out:2", "3 tags, but 2 words"),
        ("a\n", "S-x\n", "i\n", "seq.out:1", "'S-x' is no BIO tag"),
        ("a\n", "B-\n", "i\n", "seq.out:1", "'B-' is no BIO tag"),
    ],
)
def test_files_that_do_not_fit(tmp_path: Path, texts: str, tags: str, intents: str, where: str, says: str) -> None:
    with pytest.raises(DataError) as caught:
        read(folder(tmp_path, texts, tags, intents))
    assert str(caught.value).startswith(f"{tmp_path}/{where}: ")
    assert says in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    path = folder(tmp_path, "a", "O", "i")
    assert is_parallel(path)
    (path / "label").unlink()
    assert not is_parallel(path)
    with pytest.raises(DataError, match="no label; a parallel corpus is a folder with"):
        read(path)
    with pytest.raises(DataError, match=r"no seq\.in, no seq\.out, no label"):
        read(tmp_path / "absent")
