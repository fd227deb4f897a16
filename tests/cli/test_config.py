"""``nlu-kit config``, on the bundled plugins."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def pipeline(tmp_path: Path) -> Path:
    """A good one, with its data."""
    (tmp_path / "train.jsonl").touch()
    file = tmp_path / "pipeline.json"
    heads = {"intent": "intent", "ner": {"type": "ner", "loss": {"type": "weighted_cross_entropy"}}}
    raw = {"name": "mine", "data": {"train": "train.jsonl"}, "heads": heads, "sampler": {"type": "bucketed"}}
    file.write_text(json.dumps(raw), encoding="utf-8")
    return file


def test_check_says_what_it_composes(nlu_kit: Any, pipeline: Path) -> None:
    done = nlu_kit(
        "config", "check", "--set", "sampler.base=weighted", "--set", "training.epochs=3", "--set", "training.fgm=0.1"
    )
    assert done.returncode == 0, done.stderr
    lines = {line.split()[0]: line.split(maxsplit=1)[1] for line in done.stdout.splitlines()}
    assert lines["OK:"] == "pipeline.json"
    assert lines["data"] == "train train.jsonl, dev of train, if large enough, test none"
    assert lines["backbone"] == "sentence_transformer"
    assert lines["heads"] == "intent: intent, loss cross_entropy"
    assert lines["ner:"] == "ner, loss weighted_cross_entropy"
    assert lines["sampler"] == "bucketed (base=weighted)"
    assert lines["freezing"] == "discriminative"
    assert lines["training"].startswith("up to 3 epochs, batches of 32")
    assert lines["training"].endswith(", fgm 0.1")


def test_check_reports_everything_at_once(nlu_kit: Any, pipeline: Path) -> None:
    sets = ["training.epoch=3", "sampler.type=bukceted", "data.test=gone.jsonl", "heads.ner.dropout=2"]
    done = nlu_kit("config", "check", str(pipeline), *(part for text in sets for part in ("--set", text)))
    assert done.returncode == 2
    assert done.stdout == ""
    assert "4 problems" in done.stderr
    for expected in ("did you mean 'epochs'?", "did you mean 'bucketed'?", "no file or folder 'gone.jsonl'", "dropout"):
        assert expected in done.stderr


@pytest.mark.parametrize(
    "content", [None, "", "{", "[1]", '{"data": 3}', '{"a": 1, "a": 2}', '{"data": {"train": NaN}}']
)
@pytest.mark.parametrize("action", ["check", "show"])
def test_a_file_that_is_no_pipeline(nlu_kit: Any, tmp_path: Path, content: str | None, action: str) -> None:
    if content is not None:
        (tmp_path / "pipeline.json").write_text(content, encoding="utf-8")
    done = nlu_kit("config", action)
    assert done.returncode == 2
    assert done.stderr.startswith("error: pipeline.json: 1 problem") or "data" in done.stderr
    assert "Traceback" not in done.stderr


def test_show_prints_a_pipeline_that_checks_and_shows_the_same(nlu_kit: Any, pipeline: Path) -> None:
    shown = nlu_kit("config", "show", "--set", "training.seed=7")
    resolved = json.loads(shown.stdout)
    assert resolved["training"]["seed"] == 7
    assert resolved["heads"]["ner"]["loss"]["type"] == "weighted_cross_entropy"
    assert resolved["balancing"] == {"type": "sum"}
    pipeline.write_text(shown.stdout, encoding="utf-8")
    assert nlu_kit("config", "show").stdout == shown.stdout


def test_schema_accepts_the_pipelines_that_ship(nlu_kit: Any, tmp_path: Path) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    done = nlu_kit("config", "schema", "--output", "pipeline.schema.json")
    assert done.returncode == 0, done.stderr
    schema = json.loads((tmp_path / "pipeline.schema.json").read_text(encoding="utf-8"))
    assert schema == json.loads(nlu_kit("config", "schema").stdout)
    validator = jsonschema.Draft202012Validator(schema)
    for file in (ROOT / "pipeline.json", ROOT / "nlu_kit" / "starter" / "pipeline.json"):
        raw = json.loads(file.read_text(encoding="utf-8"))
        assert [error.message for error in validator.iter_errors(raw)] == []
        assert not validator.is_valid({**raw, "sampler": "bukceted"})


def test_schema_to_stdout(nlu_kit: Any, tmp_path: Path) -> None:
    done = nlu_kit("config", "schema", "--output", "-")
    assert json.loads(done.stdout)["type"] == "object"
    assert not (tmp_path / "-").exists()


def test_schema_to_a_place_that_is_not_there(nlu_kit: Any) -> None:
    done = nlu_kit("config", "schema", "--output", "gone/schema.json")
    assert done.returncode == 2
    assert done.stderr == "error: can't write gone/schema.json: No such file or directory; name another --output\n"
