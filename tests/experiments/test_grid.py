"""How ``--vary`` is read."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlu_kit.errors import ConfigError
from nlu_kit.experiments.grid import axes_of, combinations, json_value, parse_axes, shown, split_values

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.lists(JSON, min_size=1, max_size=5), st.booleans())
def test_any_json_values_survive_the_commas_between_them(values: list[object], ascii_only: bool) -> None:
    written = [json.dumps(value, ensure_ascii=ascii_only) for value in values]
    assert [json.loads(part) for part in split_values(",".join(written))] == values
    assert split_values(" , ".join(written)) == written


@given(st.text())
def test_any_text_is_split_or_refused(text: str) -> None:
    try:
        parts = split_values(text)
    except ValueError:
        return
    assert all(parts)
    assert "".join("".join(parts).split()) == "".join(text.replace(",", "").split()) or "," in "".join(parts)


@given(st.lists(st.integers(1, 4), max_size=4))
def test_all_combinations_and_each_once(sizes: list[int]) -> None:
    axes = parse_axes([f"p{i}={','.join(f'v{j}' for j in range(size))}" for i, size in enumerate(sizes)])
    grid = combinations(axes)
    count = 1
    for size in sizes:
        count *= size
    assert len(grid) == len({combination.overrides for combination in grid}) == count
    assert [combination.number for combination in grid] == list(range(1, count + 1))


def test_the_last_axis_changes_fastest() -> None:
    grid = combinations(parse_axes(["a.b=1,2", "c=x,y"]))
    assert [combination.overrides for combination in grid] == [
        ("a.b=1", "c=x"),
        ("a.b=1", "c=y"),
        ("a.b=2", "c=x"),
        ("a.b=2", "c=y"),
    ]
    assert [combination.label for combination in grid] == ["1 · x", "1 · y", "2 · x", "2 · y"]


def test_a_label_names_parameters_only_where_types_do_not_tell_values_apart() -> None:
    lower, other = '{"type":"lower","layers":3}', '{"type":"lower","layers":[1,2]}'
    (axis,) = parse_axes([f"freezing={lower},all"])
    assert axis.names() == ["lower", "all"]
    (axis,) = parse_axes([f"freezing={lower},{other},all"])
    assert axis.names() == ["lower (layers=3)", "lower (layers=[1, 2])", "all"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("weighted", "weighted"),
        ("3", "3"),
        ("null", "null"),
        ('{"type":"bucketed","base":{"type":"weighted","strength":2}}', "bucketed (base=weighted (strength=2))"),
        ('{"intent":1}', "intent=1"),
    ],
)
def test_values_in_few_words(text: str, expected: str) -> None:
    assert shown(text) == expected


def test_values_are_read_as_set_reads_them() -> None:
    assert [json_value(text) for text in ("3", "true", "random", '"3"', "[1,2]")] == [3, True, "random", "3", [1, 2]]


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("sampler", "there is no '='"),
        ("=random", "empty part"),
        ("a..b=1", "empty part"),
        ("sampler=", "a value is empty"),
        ("sampler=random,", "a value is empty"),
        ("sampler=random,,weighted", "a value is empty"),
        ("sampler=random,random", "a value occurs twice"),
        ('sampler={"type":"random"', "'{' is not closed"),
        ("sampler=[1,2}", "'}' closes nothing"),
        ("sampler=random]", "']' closes nothing"),
        ('name="a,b', "a quote is not closed"),
    ],
)
def test_what_cannot_be_read_is_named(argument: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_axes([argument, "training.epochs=1,2"])
    (problem,) = caught.value.problems
    assert message in problem.message
    assert argument in problem.message
    assert "for instance" in problem.hint


def test_every_problem_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_axes(["a=1,2", "a=3,4", "training.seed=1,2", "b"])
    said = {problem.message.partition(":")[0] for problem in caught.value.problems}
    assert said == {"can't read 'b'", "'a' is varied twice", "'training.seed' is what the seeds are for"}


def test_axes_of_python_values_are_written_as_for_set() -> None:
    (axis,) = axes_of({"x": [16, "random", "16", {"type": "a", "n": 2}, None, True]})
    assert axis.values == ("16", "random", '"16"', '{"type": "a", "n": 2}', "null", "true")
    assert [json_value(value) for value in axis.values] == [16, "random", "16", {"type": "a", "n": 2}, None, True]
