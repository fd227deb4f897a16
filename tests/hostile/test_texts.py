"""Any text is parsed, and what is found lies in it; a few thousand cases of every target of the long fuzzer."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import nlu_kit

REPOSITORY = Path(__file__).parents[2]
ANY = st.characters(exclude_categories=())  # halves of surrogate pairs and unassigned ones are among them
FORMS = st.sampled_from("ｂＯ７？＄\u3000𝐛ⓑ①⑴㎏℃㈱ﷺﬁｶﾞⅣ⅓ﻼ￥東a1 ")
TEXTS = (
    st.text(ANY, max_size=60)
    | st.text(FORMS, max_size=30)
    | st.lists(st.text(ANY, max_size=6), max_size=12).map(" ".join)
)


@pytest.fixture(scope="module")
def model(exported: Path) -> Any:
    return nlu_kit.load(exported)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=TEXTS)
@example(text="")
@example(text="\ud83d\ude00 \ud83d x")
@example(text="e\u0301\u200d\u0301 " * 40)
@example(text="ｂｏｏｋ ㈱ﷺ①ｶﾞ ⓑﬁ㎏")
def test_any_text_is_parsed(text: str, model: Any) -> None:
    found = model(text)
    assert found.text == text
    for entity in found.entities:
        assert 0 <= entity.start < entity.end <= len(text)
        assert entity.text == text[entity.start : entity.end]
        assert 0 <= entity.confidence <= 1
    assert all(one.end <= two.start for one, two in zip(found.entities, found.entities[1:], strict=False))
    assert math.isclose(sum(each.confidence for each in found.intents), 1, abs_tol=1e-6)
    json.dumps(found.to_json(), allow_nan=False)


@pytest.mark.parametrize("runtime", ["onnx", "torch"])
def test_full_width_text_is_answered_as_its_letters(exported: Path, records: Any, runtime: Any) -> None:
    model = nlu_kit.load(exported, runtime=runtime)
    for text in [record["text"] for record in records[:20]]:
        wide = "".join(chr(ord(one) + 0xFEE0) if "!" <= one <= "~" else one for one in text)
        plain, found = model(text), model(wide)
        assert found.intent == plain.intent
        assert [(one.start, one.end, one.label) for one in found.entities] == [
            (one.start, one.end, one.label) for one in plain.entities
        ]
        assert all(one.text == wide[one.start : one.end] for one in found.entities)


@pytest.mark.skipif(sys.platform != "linux", reason="its limits and its shared memory are Linux's")
def test_the_fuzzer_finds_nothing() -> None:
    command = [sys.executable, "benchmarks/fuzz.py", "--share", "0.0003"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    *targets, everything = map(json.loads, filter(lambda line: line.startswith("{"), done.stdout.splitlines()))
    assert len(targets) == 10
    assert everything["faults"] == 0, done.stdout
    assert everything["cases"] > 2500
    assert 0 < everything["refused"] < everything["cases"]
