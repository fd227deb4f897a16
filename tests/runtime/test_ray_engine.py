"""On a local Ray with two actors, files are answered as they are without it."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest
import ray

import nlu_kit
from nlu_kit.errors import DataError, ModelError
from nlu_kit.runtime import bulk
from nlu_kit.runtime.bulk import Job, answer_file
from nlu_kit.runtime.ray_engine import Done, RayJob, _ours, answer_on_ray
from nlu_kit.runtime.rows import rows_of
from nlu_kit.runtime.stores import SUCCESS

WORDS = ("play jazz", "book a table in New York", "wake me at seven", "zzz", "", "a\u2028b")


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    ray.init(num_cpus=2, log_to_driver=False, include_dashboard=False, configure_logging=False)
    yield
    ray.shutdown()


def lines(count: int, start: int = 0) -> list[dict[str, Any]]:
    return [{"text": WORDS[n % len(WORDS)], "id": n, **({"odd": [n]} if n % 2 else {})} for n in range(start, count)]


def write(file: Path, records: list[dict[str, Any]]) -> None:
    if file.suffix == ".parquet":
        pyarrow.parquet.write_table(
            pyarrow.Table.from_pylist([{"text": r["text"], "id": r["id"]} for r in records]), file
        )
        return
    text = "".join(json.dumps(record) + "\n" for record in records)
    file.write_bytes(gzip.compress(text.encode()) if file.suffix == ".gz" else text.encode())


def by_ray(source: Path, model: Path, **changes: Any) -> Done:
    here = source.parent
    job = {
        "source": str(source),
        "output": str(here / "out"),
        "errors": str(here / "bad"),
        "model": model,
        "workers": 2,
    }
    return answer_on_ray(RayJob(**{"options": {}, **job, **changes}))


def parts(folder: Path) -> bytes:
    return b"".join(part.read_bytes() for part in sorted(folder.glob("part-*.jsonl")))


def locally(source: Path, model: Path) -> tuple[bytes, bytes]:
    output, errors = source.with_suffix(".answers.jsonl"), source.with_suffix(".bad.jsonl")
    rows = partial(rows_of, source)
    job = Job(source=source, rows=rows, output=output, errors=errors, model=model, workers=1)
    answer_file(job, nlu_kit.load(model), resume=False, overwrite=False, watch=lambda progress: None)
    return output.read_bytes(), errors.read_bytes()


@pytest.mark.parametrize(
    "name",
    [
        "in.jsonl",
        pytest.param("in.jsonl.gz", marks=pytest.mark.slow),
        pytest.param("in.parquet", marks=pytest.mark.slow),
    ],
)
def test_the_answers_are_those_of_the_local_engine(exported: Path, tmp_path: Path, name: str) -> None:
    source = tmp_path / name
    write(source, lines(3 * bulk.WINDOW))
    assert by_ray(source, exported) == Done(rows=3 * bulk.WINDOW, bad=0)
    answers, _ = locally(source, exported)
    assert parts(tmp_path / "out") == answers
    assert json.loads((tmp_path / "out" / SUCCESS).read_text()) == {"rows": 3 * bulk.WINDOW, "bad": 0}


def test_a_folder_is_read_file_by_file_and_bad_rows_keep_their_place(exported: Path, tmp_path: Path) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    write(folder / "a.jsonl", lines(10))
    write(folder / "b.jsonl", lines(20, start=10))
    (folder / "b.jsonl").open("a").write("no json\n")
    (folder / "_SUCCESS").write_text("of whoever wrote these")
    below = folder / "day=2026-01-31" / "lang=de%2Fat"
    below.mkdir(parents=True)
    write(below / "c.jsonl", [{"text": "play jazz", "id": 20, "day": "its own"}])
    write(below / "d.parquet", [{"text": "play jazz", "id": 21}])
    (folder / "README.md").write_text("# What is in here\n")
    (folder / "_temporary").mkdir()
    (folder / "_temporary" / "e.txt").write_text("half a line")
    left_out = ["README.md"]
    assert by_ray(folder, exported) == Done(rows=23, bad=1, left_out=left_out)
    assert json.loads((tmp_path / "out" / SUCCESS).read_text())["left_out"] == left_out
    answers = [json.loads(line) for line in parts(tmp_path / "out").splitlines()]
    assert [answer["id"] for answer in answers] == list(range(22))
    assert [(answer.get("day"), answer.get("lang")) for answer in answers[19:]] == [
        (None, None),
        ("its own", "de/at"),
        ("2026-01-31", "de/at"),
    ]
    (bad,) = map(json.loads, parts(tmp_path / "bad").splitlines())
    assert bad["line"] == 11
    assert "b.jsonl:11" in bad["error"]


def test_a_bad_row_ends_it_where_nobody_wants_them_aside(exported: Path, tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    source.write_text('{"text": "play jazz"}\n{"txet": "play jazz"}\n', "utf-8")
    with pytest.raises(DataError) as raised:
        by_ray(source, exported, errors=None)
    assert str(raised.value).startswith(f"{source}:2: the key 'text' is missing")
    assert str(raised.value).endswith("(--errors FOLDER sets such rows aside)"), "and none of Ray's own words"
    assert not (tmp_path / "out" / SUCCESS).exists()


def test_what_stands_in_the_way_is_said_before_anything_runs(exported: Path, tmp_path: Path) -> None:
    source, there = tmp_path / "in.txt", tmp_path / "there"
    source.write_text("play jazz\n", "utf-8")
    there.mkdir()
    (there / "part-000009.jsonl").write_text("old\n")
    with pytest.raises(DataError, match="is there already"):
        by_ray(source, exported, output=str(there))
    (tmp_path / "file").write_text("mine")
    with pytest.raises(DataError, match="is a file"):
        by_ray(source, exported, output=str(tmp_path / "file"))
    with pytest.raises(DataError, match="there is no file"):
        by_ray(tmp_path / "none.txt", exported)
    with pytest.raises(DataError, match="a URI that pyarrow can open"):
        by_ray(source, exported, output="gopher://x/y")
    assert by_ray(source, exported, output=str(there), overwrite=True).rows == 1
    assert [file.name for file in sorted(there.iterdir())] == [SUCCESS, "part-000000.jsonl"]


def test_what_is_no_part_of_answers_is_never_removed(exported: Path, tmp_path: Path) -> None:
    source, there, bad = tmp_path / "in.txt", tmp_path / "there", tmp_path / "bad"
    source.write_text("play jazz\n", "utf-8")
    for folder, name in ((there, "part-000009.jsonl"), (bad, "notes.txt")):
        folder.mkdir()
        (folder / name).write_text("mine")
    with pytest.raises(DataError, match=r"bad holds notes\.txt, which is no part of answers"):
        by_ray(source, exported, output=str(there), errors=str(bad), overwrite=True)
    assert (there / "part-000009.jsonl").exists()


@pytest.mark.parametrize(
    ("source", "output", "errors", "reason"),
    [
        ("in", "in", None, "--output .* is not apart from the input"),
        ("in", "in/out", None, "--output .* is not apart from the input"),
        ("in", "link", None, "--output .* is not apart from the input"),
        ("in", "out", "in/bad", "--errors .* is not apart from the input"),
        ("in/a.txt", "in", None, "--output .* is not apart from the input"),
        ("in", "out", "out/bad", "--output and --errors lie in each other"),
        ("in", "out", "link/../out", "--output and --errors name the same file"),
        ("in", "out.csv", None, "writes a folder of .jsonl files; name it without .csv"),
        ("in", "out.jsonl.gz", None, "writes a folder of .jsonl files; name it without .gz"),
        ("in", "out", "bad.parquet", "--errors .* name it without .parquet"),
    ],
)
def test_folders_that_can_not_be_written(
    source: str, output: str, errors: str | None, reason: str, exported: Path, tmp_path: Path
) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.txt").write_text("play jazz\n", "utf-8")
    (tmp_path / "link").symlink_to(tmp_path / "in")
    paths = {"output": str(tmp_path / output), "errors": None if errors is None else str(tmp_path / errors)}
    with pytest.raises(DataError, match=reason):
        by_ray(tmp_path / source, exported, **paths, overwrite=True)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a.txt", "in", "link"]


def test_a_folder_without_texts_names_what_it_holds(exported: Path, tmp_path: Path) -> None:
    (tmp_path / "in" / "more").mkdir(parents=True)
    (tmp_path / "in" / "more" / "README.md").write_text("# a\n", "utf-8")
    with pytest.raises(DataError, match=r"no file in .*in ends in \.txt, .*: more/README\.md; name one of them"):
        by_ray(tmp_path / "in", exported)


def test_a_model_that_is_none_is_said_before_anything_runs(tmp_path: Path) -> None:
    source = tmp_path / "in.txt"
    source.write_text("play jazz\n", "utf-8")
    with pytest.raises(ModelError, match=r"there is no .*nowhere"):
        by_ray(source, tmp_path / "nowhere")
    assert not (tmp_path / "out").exists()


def test_what_only_actors_can_meet_says_what_they_need(exported: Path, tmp_path: Path) -> None:
    source = tmp_path / "in.txt"
    source.write_text("play jazz\n", "utf-8")
    job = RayJob(source=str(source), output=str(tmp_path / "out"), errors=None, model=exported, options={})
    said = _ours(RuntimeError("The actor died\nFileNotFoundError: /models/bot"), job)
    assert isinstance(said, ModelError)
    assert str(said).endswith(
        f"FileNotFoundError: /models/bot; every machine of the cluster needs nlu-kit, and the model at {exported}"
    )


def test_a_file_without_a_row_has_no_answers(exported: Path, tmp_path: Path) -> None:
    source = tmp_path / "in.txt"
    source.write_text("", "utf-8")
    assert by_ray(source, exported) == Done(rows=0, bad=0)
    assert [file.name for file in (tmp_path / "out").iterdir()] == [SUCCESS]
