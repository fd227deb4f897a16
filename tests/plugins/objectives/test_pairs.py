"""Files of pairs: every published layout, and every row that can't be used, by its reason."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from nlu_kit.errors import DataError
from nlu_kit_objectives.pairs import Pair, PairFile

DATA = Path(os.environ.get("NLU_KIT_BENCHMARK_DATA", Path(__file__).parents[4] / "shared" / "data"))

GLUE = "index\tgenre\tfilename\tyear\told_index\tsource1\tsource2\tsentence1\tsentence2\tscore\n"
LAYOUTS = {
    "stsb.csv": ('A plane, taking off.,"An air ""plane"", too.",4.5\n', None),
    "stsb_quoted.csv": (
        '"A plane, taking off.",An air plane.,2.5\n',
        Pair("A plane, taking off.", "An air plane.", 0.5),
    ),
    "glue.tsv": (
        GLUE + '0\ta\tb\t2012\t1\tn\tn\tHe said "no".\tNo, he said.\t5.000\n',
        Pair('He said "no".', "No, he said.", 1.0),
    ),
    "qqp.csv": (
        '"id","qid1","qid2","question1","question2","is_duplicate"\n"0","1","2","How are\nyou?","How do you do?","1"\n',
        Pair("How are you?", "How do you do?", same=True),
    ),
    "qqp.tsv": (
        "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate\n1\t2\t3\tA?\tB?\t0\n",
        Pair("A?", "B?", same=False),
    ),
    "msrp.tsv": (
        '\ufeffQuality\t#1 ID\t#2 ID\t#1 String\t#2 String\n1\t7\t8\tHe "left".\tHe went.\n',
        Pair('He "left".', "He went.", same=True),
    ),
    "triplets.jsonl": ('{"anchor": "a", "positive": "b", "negative": "c"}\n', Pair("a", "b", same=True, other="c")),
    "pairs.jsonl": ('{"anchor": "a", "positive": "b"}\n\n', Pair("a", "b", same=True)),
    "scored.jsonl": ('{"sentence1": "a", "sentence2": "b", "score": 1}\n', Pair("a", "b", 0.2)),
    "labelled.jsonl": ('{"text1": "a", "text2": "b", "duplicate": false}\n', Pair("a", "b", same=False)),
}


@pytest.mark.parametrize("name", [name for name, (_, pair) in LAYOUTS.items() if pair])
def test_every_layout_is_read(name: str, tmp_path: Path) -> None:
    text, pair = LAYOUTS[name]
    (tmp_path / name).write_text(text, encoding="utf-8")
    file = PairFile(tmp_path / name, highest_score=5.0)
    assert list(file.pairs()) == [pair]
    assert not file.dropped


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"sentence1": "a", "sentence2": "", "score": 1}, "empty sentence"),
        ({"sentence1": " ", "sentence2": "b", "score": 1}, "empty sentence"),
        ({"sentence1": "a", "sentence2": "b", "score": 5.1}, "score outside 0 to 5"),
        ({"sentence1": "a", "sentence2": "b", "score": -1}, "score outside 0 to 5"),
        ({"sentence1": "a", "sentence2": "b", "score": "high"}, "score that is no number"),
        ({"sentence1": "a", "sentence2": "b", "label": 2}, "label that is neither 0 nor 1"),
        ({"sentence1": "a", "sentence2": "b", "score": None}, "without score and label"),
    ],
)
def test_rows_that_say_nothing_are_counted(row: Any, reason: str, tmp_path: Path) -> None:
    good = {"sentence1": "a", "sentence2": "b", "score": 5}
    (tmp_path / "a.jsonl").write_text(json.dumps(row) + "\n" + json.dumps(good) + "\n", encoding="utf-8")
    file = PairFile(tmp_path / "a.jsonl", highest_score=5.0)
    assert list(file.pairs()) == [Pair("a", "b", 1.0)]
    assert file.dropped == {reason: 1}


def test_rows_with_too_few_columns_are_counted(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a,b,1.0\nonly one\nc,d,2.5\n", encoding="utf-8")
    file = PairFile(tmp_path / "a.csv", highest_score=5.0)
    assert [pair.first for pair in file.pairs()] == ["a", "c"]
    assert file.dropped == {"fewer than 3 columns": 1}


HEADER = "sentence1,sentence2,score\n"


@pytest.mark.parametrize(
    ("rows", "highest", "scores", "warning"),
    [
        ("a,a,1.0\nb,c,0.92\nd,e,0.02\n", None, [1.0, 0.92, 0.02], "no score is above 1, so 1 counts as the highest"),
        ("a,a,1.0\nb,c,0.5\n", 1, [1.0, 0.5], ""),
        ("a,a,1.0\nb,c,0.5\n", 5, [0.2, 0.1], "the highest score is 1 of 5, so no two sentences"),
        ("a,a,5\nb,c,1\n", None, [1.0, 0.2], ""),
        ("a,a,4\nb,c,1\n", None, [0.8, 0.2], "the highest score is 4 of 5, so no two sentences"),
        ("a,a,100\nb,c,4\n", 100, [1.0, 0.04], ""),
        ("a,a,0.6\nb,c,0\n", None, [0.6, 0.0], "the highest score is 0.6 of 1, so no two sentences"),
    ],
)
def test_the_scale_of_scores(
    rows: str,
    highest: float | None,
    scores: list[float],
    warning: str,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    (tmp_path / "a.csv").write_text(HEADER + rows, encoding="utf-8")
    found = [pair.score for pair in PairFile(tmp_path / "a.csv", highest_score=highest).pairs()]
    assert found == pytest.approx(scores)
    assert warning in caplog.text
    assert ("highest_score" in caplog.text) == bool(warning)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (HEADER + "a,a,100\nb,c,4\n", "a score is 100, and without highest_score none may be above 5"),
        ("sentence1,sentence2,label\na,a,5.0\nb,c,1.0\nd,e,3.8\n", "call the column 'score'"),
    ],
)
def test_a_scale_that_nobody_can_know(text: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=rf"a\.csv: .*{reason}"):
        list(PairFile(tmp_path / "a.csv").pairs())


def test_rows_with_an_open_quote_are_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "a.csv").write_text(HEADER + 'a,b,5\n"c,d,4\ne,"f, ""g""",3\nh,"i,2\n', encoding="utf-8")
    file = PairFile(tmp_path / "a.csv")
    assert [pair.second for pair in file.pairs()] == ["b", 'f, "g"']
    assert file.dropped == {"row that can't be read": 2}
    assert f"{tmp_path / 'a.csv'}:3: a quote opens here" in caplog.text


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        (
            "a.csv",
            "left,right,verdict\na,b,1\n",
            r"a\.csv:1: no known layout of pairs, the columns are left, right, verdict",
        ),
        ("a.csv", "", r"a\.csv is empty"),
        ("a.txt", "just a text\n", "no known layout"),
        ("a.jsonl", '{"text": "a"}\n', r"a\.jsonl:1: no known layout"),
        ("a.jsonl", '{"sentence1": 1, "sentence2": "b", "score": 1}\n', "a sentence must be a text, got 1"),
        ("a.jsonl", "[1]\n", "expected a JSON object"),
    ],
)
def test_a_file_of_another_kind_is_refused(name: str, text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=said):
        list(PairFile(tmp_path / name, highest_score=5.0).pairs())


@pytest.mark.skipif(not DATA.is_dir(), reason="the corpora are not here")
@pytest.mark.parametrize(
    ("name", "rows"),
    [("stsb/stsb-en-train.csv", 5749), ("msrp/msr-para-train.tsv", 3576), ("qqp_sample/train.csv", 99)],
)
def test_the_published_files_are_read_to_the_last_row(name: str, rows: int) -> None:
    file = PairFile(DATA / name, highest_score=5.0)
    assert len(list(file.pairs())) + file.dropped.total() == rows
