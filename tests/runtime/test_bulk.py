"""A file of answers is the same whatever happened on the way: processes, kills, rows that are wrong."""

from __future__ import annotations

import gzip
import json
import subprocess
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import nlu_kit
from nlu_kit.data.prediction import plain
from nlu_kit.errors import DataError
from nlu_kit.runtime import bulk
from nlu_kit.runtime.bulk import Job, answer_file
from nlu_kit.runtime.bulk_progress import Progress
from nlu_kit.runtime.outputs import Output, named
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


def kill(progress: Progress) -> None:
    if progress.rows:
        raise KilledError


def begun(job: Job, predictor: Predictor) -> Job:
    """The job, ended after its first window, in which one row is wrong."""
    lines = job.source.read_text(encoding="utf-8").splitlines()
    lines[3] = "{"
    job.source.write_text("\n".join(lines) + "\n", encoding="utf-8")
    with pytest.raises(KilledError):
        run(job, predictor, watch=kill)
    return job


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"threshold": 0.9}, "--threshold was not given, is 0.9 now"),
        ({"runtime": "torch"}, "--runtime was 'auto', is 'torch' now"),
        ({"device": "cuda"}, "--device was 'cpu', is 'cuda' now"),
        ({"reading": {"column": None}}, "--column was 'question', is not given now"),
        ({"reading": {"column": "question", "jsonl": True}}, "--jsonl was not given, is given now"),
        ({"reading": {"column": "question", "reader": {"type": "csv"}}}, "--reader was not given, is {'type': 'csv'}"),
        ({"errors": None}, "--errors was '.*bad.jsonl', is not given now"),
        ({"errors": "other.jsonl"}, "--errors was '.*bad.jsonl', is '.*other.jsonl' now"),
        ({"source": "again.jsonl"}, "--input was '.*in.jsonl', is '.*again.jsonl' now"),
        ({"model": "elsewhere"}, "the model was '[0-9a-f]{16}', is not given now"),
    ],
    ids=str,
)
def test_what_was_begun_otherwise_does_not_go_on(
    change: dict[str, Any], reason: str, job: Job, predictor: Predictor, tmp_path: Path
) -> None:
    job = begun(changed(job, errors=tmp_path / "bad.jsonl", reading={"column": "question"}), predictor)
    (tmp_path / "again.jsonl").write_bytes(job.source.read_bytes())
    change = {
        name: tmp_path / str(value) if name in ("errors", "source", "model") and value is not None else value
        for name, value in change.items()
    }
    before = left(job)
    with pytest.raises(
        DataError, match=rf"out\.jsonl was begun otherwise: .*{reason}.*or begin again with --overwrite"
    ):
        run(changed(job, **change), predictor, resume=True)
    assert left(job) == before, "what was begun can still go on"
    done = run(job, predictor, resume=True)
    assert (done.rows, done.bad) == (30, 1), "what came before counts, too"
    assert len(job.output.read_text(encoding="utf-8").splitlines()) == 29


def test_an_input_that_has_changed_since(job: Job, predictor: Predictor, tmp_path: Path) -> None:
    begun(changed(job, errors=tmp_path / "bad.jsonl"), predictor)
    job.source.write_text('{"text": "other"}\n', encoding="utf-8")
    with pytest.raises(DataError, match=r"what --input holds was '.* changed .*', is '18 bytes, changed .*' now"):
        run(changed(job, errors=tmp_path / "bad.jsonl"), predictor, resume=True)


def test_a_folder_that_has_changed_since(job: Job, predictor: Predictor, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    (folder / "more").mkdir(parents=True)
    (folder / "more" / "a.jsonl").write_bytes(job.source.read_bytes())
    job = begun(changed(job, source=job.source, errors=tmp_path / "bad.jsonl"), predictor)
    of_folder = changed(job, source=folder, output=tmp_path / "folder.jsonl", errors=None)
    with pytest.raises(KilledError):
        run(changed(of_folder, errors=tmp_path / "worse.jsonl"), predictor, watch=kill)
    (folder / "more" / "b.jsonl").write_text("{}\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"what --input holds was '1 files \(.*\)', is '2 files \(.*\)' now"):
        run(changed(of_folder, errors=tmp_path / "worse.jsonl"), predictor, resume=True)


def test_what_is_written_over_can_go_on(job: Job, predictor: Predictor) -> None:
    job.output.write_text("old", encoding="utf-8")
    with pytest.raises(KilledError):
        run(job, predictor, overwrite=True, watch=kill)
    assert job.output.read_text(encoding="utf-8") == "old"
    assert run(job, predictor, resume=True).rows == 30
    assert len(job.output.read_text(encoding="utf-8").splitlines()) == 30


def test_errors_of_a_command_that_was_not_finished_stay(job: Job, predictor: Predictor, tmp_path: Path) -> None:
    begun(changed(job, errors=tmp_path / "bad.jsonl"), predictor)
    other = changed(job, output=tmp_path / "other.jsonl", errors=tmp_path / "bad.jsonl")
    with pytest.raises(DataError, match=r"bad\.jsonl\.partial is of a command that was not finished"):
        run(other, predictor)


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


@pytest.mark.parametrize("damage", ["{", '{"options": {}, "rows": -1}', '{"rows": 3}', '{"options": {}, "more": 1}'])
def test_progress_that_can_not_be_read(damage: str, job: Job, predictor: Predictor) -> None:
    job.output.with_name("out.jsonl.progress").write_text(damage, encoding="utf-8")
    with pytest.raises(DataError, match=r"out\.jsonl\.progress can't be read .*: begin again with --overwrite"):
        run(job, predictor, resume=True)


@pytest.mark.parametrize("name", ["out.jsonl", "bad.jsonl"])
@pytest.mark.parametrize("gone", [True, False])
def test_what_is_lost_meanwhile(name: str, gone: bool, job: Job, predictor: Predictor, tmp_path: Path) -> None:
    job = begun(changed(job, errors=tmp_path / "bad.jsonl"), predictor)
    partial_file = tmp_path / f"{name}.partial"
    if gone:
        partial_file.unlink()
    else:
        partial_file.write_bytes(b"{")
    reason = "is gone, which held" if gone else "is shorter than what was written to it"
    with pytest.raises(DataError, match=rf"{name}\.partial {reason}.*: begin again with --overwrite"):
        run(job, predictor, resume=True)


def test_what_is_lost_before_it_has_its_name(
    job: Job, predictor: Predictor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = changed(job, errors=tmp_path / "bad.jsonl")
    with monkeypatch.context() as patch:
        patch.setattr(Output, "finish", lambda output: kill(Progress(options={}, rows=1)))
        with pytest.raises(KilledError):
            run(both, predictor)
    (tmp_path / "bad.jsonl.partial").unlink()
    with pytest.raises(DataError, match=r"bad\.jsonl\.partial is gone, which held what was written"):
        run(both, predictor, resume=True)


# --- names ------------------------------------------------------------------------------------------------------------


def test_a_name_that_ends_in_gz_is_gzipped_also_where_it_went_on(
    job: Job, predictor: Predictor, tmp_path: Path
) -> None:
    packed = changed(job, output=tmp_path / "packed.jsonl.gz", errors=tmp_path / "bad.ndjson.gz")
    whole = changed(packed, output=tmp_path / "whole.jsonl.gz", errors=tmp_path / "none.ndjson.gz")
    with pytest.raises(KilledError):
        run(packed, predictor, watch=kill)
    run(packed, predictor, resume=True)
    run(whole, predictor)
    run(job, predictor)
    assert packed.output.read_bytes() == whole.output.read_bytes()
    assert gzip.decompress(packed.output.read_bytes()) == job.output.read_bytes()
    assert subprocess.run(["gzip", "-dc", str(packed.errors)], capture_output=True, check=True).stdout == b""


@pytest.mark.parametrize("output", ["in.jsonl", "link.jsonl", "hard.jsonl", "sub/../in.jsonl"])
@pytest.mark.parametrize("option", ["output", "errors"])
def test_an_input_is_never_written_to(output: str, option: str, job: Job, predictor: Predictor, tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "link.jsonl").symlink_to(job.source)
    (tmp_path / "hard.jsonl").hardlink_to(job.source)
    content = job.source.read_bytes()
    for source in (job.source, tmp_path / "link.jsonl"):
        with pytest.raises(DataError, match=rf"--{option} .* would write over the input .*; name another file"):
            run(changed(job, source=source, **{option: named(str(tmp_path / output))}), predictor, overwrite=True)
    assert job.source.read_bytes() == content
    assert left(job) == ["hard.jsonl", "in.jsonl", "link.jsonl", "sub"]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("in/a.jsonl", "would write over the input"),
        ("in/new.jsonl", "is in the folder that is read"),
        ("link.jsonl", "would write over the input"),
        ("elsewhere/new.jsonl", "is in the folder that is read"),
    ],
)
def test_a_folder_that_is_read_is_never_written_to(
    name: str, reason: str, job: Job, predictor: Predictor, tmp_path: Path
) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.jsonl").write_bytes(job.source.read_bytes())
    (tmp_path / "link.jsonl").hardlink_to(tmp_path / "in" / "a.jsonl")
    (tmp_path / "elsewhere").symlink_to(tmp_path / "in")
    with pytest.raises(DataError, match=reason):
        run(changed(job, source=tmp_path / "in", output=tmp_path / name), predictor, overwrite=True)
    assert [file.name for file in (tmp_path / "in").iterdir()] == ["a.jsonl"]


def test_what_lies_beside_an_output_meanwhile_is_no_input_either(
    job: Job, predictor: Predictor, tmp_path: Path
) -> None:
    source = job.source.rename(tmp_path / "out.jsonl.partial")
    with pytest.raises(DataError, match=r"would write over the input .*out\.jsonl\.partial"):
        run(changed(job, source=source), predictor, overwrite=True)
    assert source.read_text(encoding="utf-8").count("\n") == 30
