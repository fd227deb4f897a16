"""A file of answers is the same whatever happened on the way: processes, kills, rows that are wrong."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import nlu_kit
from nlu_kit.data.prediction import plain
from nlu_kit.errors import DataError
from nlu_kit.runtime import bulk
from nlu_kit.runtime.bulk import Job, Progress, answer_file
from nlu_kit.runtime.predictor import Predictor
from nlu_kit.runtime.rows import rows_of
from nlu_kit.runtime.texts import Utterance, answer

WORDS = ("play jazz", "book a table in New York", "wake me at seven", "zzz", "")


@pytest.fixture(autouse=True)
def small_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "WINDOW", 8)


@pytest.fixture(scope="module")
def predictor(exported: Path) -> Predictor:
    return nlu_kit.load(exported)


@pytest.fixture
def job(exported: Path, tmp_path: Path) -> Job:
    source = tmp_path / "in.jsonl"
    source.write_text("".join(json.dumps({"text": t, "id": n}) + "\n" for n, t in enumerate(WORDS * 6)), "utf-8")
    rows = partial(rows_of, source)
    return Job(source=source, rows=rows, output=tmp_path / "out.jsonl", errors=None, model=exported, workers=1)


def decided(record: Mapping[str, Any]) -> list[Any]:
    """What is in an answer, but for confidences, which depend on what shares a batch."""
    spans = [(entity["start"], entity["end"], entity["label"]) for entity in plain(record["entities"])]
    return [record["text"], record["id"], plain(record["intent"])["name"], record["out_of_scope"], spans]


def run(
    job: Job, predictor: Predictor, *, resume: bool = False, overwrite: bool = False, watch: Any = None
) -> Progress:
    return answer_file(job, predictor, resume=resume, overwrite=overwrite, watch=watch or (lambda progress: None))


def left(job: Job) -> Sequence[str]:
    return sorted(file.name for file in job.output.parent.iterdir())


def changed(job: Job, **changes: Any) -> Job:
    values = {name: getattr(job, name) for name in job.__dataclass_fields__}
    return Job(**{**values, **changes})


def test_every_row_has_its_answer_in_order(job: Job, predictor: Predictor) -> None:
    done = run(job, predictor)
    texts = list(WORDS * 6)
    utterances = [Utterance(text=text, given={"id": n}) for n, text in enumerate(texts)]
    found = [json.loads(line) for line in job.output.read_text(encoding="utf-8").splitlines()]
    assert [row["id"] for row in found] == list(range(30))
    for row, prediction, utterance in zip(found, predictor.parse_many(texts), utterances, strict=True):
        assert decided(row) == decided(answer(prediction, utterance))
    assert (done.rows, done.bad) == (30, 0)
    assert left(job) == ["in.jsonl", "out.jsonl"]


def test_several_processes_write_the_same(job: Job, predictor: Predictor, tmp_path: Path) -> None:
    run(job, predictor)
    other = changed(job, output=tmp_path / "other.jsonl", workers=2)
    run(other, predictor)
    assert other.output.read_bytes() == job.output.read_bytes()


class KilledError(Exception):
    pass


@pytest.mark.parametrize("windows", [0, 1, 2, 4])
@pytest.mark.parametrize("garbage", [b"", b'{"text": "half a li', b"x" * 100_000])
def test_what_was_killed_goes_on_as_if_nothing_had_been(
    windows: int, garbage: bytes, job: Job, predictor: Predictor, tmp_path: Path
) -> None:
    whole = changed(job, output=tmp_path / "whole.jsonl")
    run(whole, predictor)

    def kill(progress: Progress) -> None:
        if progress.rows >= min(8 * windows, 30):
            raise KilledError

    with pytest.raises(KilledError):
        run(job, predictor, watch=kill)
    assert not job.output.exists(), "what is not whole has not its name"
    partial_file = job.output.with_name("out.jsonl.partial")
    if partial_file.exists():
        with partial_file.open("ab") as stream:
            stream.write(garbage)
        with pytest.raises(DataError, match="was begun and not finished: --resume goes on, --overwrite begins again"):
            run(job, predictor)
    assert run(job, predictor, resume=True).rows == 30
    assert job.output.read_bytes() == whole.output.read_bytes()
    assert left(job) == ["in.jsonl", "out.jsonl", "whole.jsonl"]


def test_wrong_rows_are_set_aside_or_end_it(job: Job, predictor: Predictor, tmp_path: Path) -> None:
    lines = job.source.read_text(encoding="utf-8").splitlines()
    lines[10] = "{"
    job.source.write_text("\n".join(lines) + "\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"in\.jsonl:11: not valid JSON.*--errors FILE sets such rows aside"):
        run(job, predictor)
    kept = job.output.with_name("out.jsonl.partial").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["id"] for line in kept] == list(range(10)), "those before it are answered"

    aside = changed(job, errors=tmp_path / "bad.jsonl")
    done = run(aside, predictor, resume=True)
    assert (done.rows, done.bad) == (30, 1)
    found = [json.loads(line)["id"] for line in job.output.read_text(encoding="utf-8").splitlines()]
    assert found == [n for n in range(30) if n != 10]
    (reason,) = (tmp_path / "bad.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(reason)["line"] == 11
    assert json.loads(reason)["error"].startswith(f"{job.source}:11: not valid JSON")


@pytest.mark.parametrize(
    ("change", "reason"),
    [({"threshold": 0.9}, "another threshold"), ({"runtime": "torch"}, "another runtime"), ({}, "another input")],
)
def test_what_was_begun_otherwise_does_not_go_on(
    change: dict[str, Any], reason: str, job: Job, predictor: Predictor
) -> None:
    def kill(progress: Progress) -> None:
        if progress.rows:
            raise KilledError

    with pytest.raises(KilledError):
        run(job, predictor, watch=kill)
    if not change:
        job.source.write_text('{"text": "other"}\n', encoding="utf-8")
    with pytest.raises(DataError, match=f"was begun with {reason}: begin again with --overwrite"):
        run(changed(job, **change), predictor, resume=True)
    assert run(changed(job, **change), predictor, overwrite=True).rows == (30 if change else 1)


def test_what_is_there_stays(job: Job, predictor: Predictor) -> None:
    job.output.write_text("mine", encoding="utf-8")
    for resume in (False, True):
        with pytest.raises(DataError, match=r"out\.jsonl is there already: name another file, or say --overwrite"):
            run(job, predictor, resume=resume)
    assert job.output.read_text(encoding="utf-8") == "mine"
    assert run(job, predictor, overwrite=True).rows == 30
    assert len(job.output.read_text(encoding="utf-8").splitlines()) == 30


def test_a_kill_between_the_two_names(
    job: Job, predictor: Predictor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = changed(job, errors=tmp_path / "bad.jsonl")
    replace = Path.replace

    def once(path: Path, target: Path) -> Path:
        if target == both.errors:
            raise KilledError
        return replace(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", once)
        with pytest.raises(KilledError):
            run(both, predictor)
    assert left(job) == ["bad.jsonl.partial", "in.jsonl", "out.jsonl", "out.jsonl.progress"]
    whole = job.output.read_bytes()
    assert run(both, predictor, resume=True).rows == 30
    assert left(job) == ["bad.jsonl", "in.jsonl", "out.jsonl"]
    assert job.output.read_bytes() == whole


@pytest.mark.parametrize("damage", ["{", '{"asked": {}, "rows": -1}', '{"rows": 3}', '{"asked": {}, "more": 1}'])
def test_progress_that_can_not_be_read(damage: str, job: Job, predictor: Predictor) -> None:
    job.output.with_name("out.jsonl.progress").write_text(damage, encoding="utf-8")
    with pytest.raises(DataError, match=r"out\.jsonl\.progress can't be read .*: begin again with --overwrite"):
        run(job, predictor, resume=True)


def test_answers_that_are_gone(job: Job, predictor: Predictor) -> None:
    def kill(progress: Progress) -> None:
        if progress.rows:
            raise KilledError

    with pytest.raises(KilledError):
        run(job, predictor, watch=kill)
    job.output.with_name("out.jsonl.partial").write_bytes(b"{")
    with pytest.raises(DataError, match="is shorter than what was written to it"):
        run(job, predictor, resume=True)
