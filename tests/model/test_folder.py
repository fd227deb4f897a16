"""The model folder: whole or not there, movable, verified, with nothing pickled in it."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from nlu_kit.errors import ModelError
from nlu_kit.model import folder as folder_module
from nlu_kit.model.folder import DESCRIPTION, WEIGHTS, find_model, open_model, save_model
from nlu_kit.model.manifest import MANIFEST
from nlu_kit.plugin import RunEnd
from nlu_kit.registry import Registry
from nlu_kit.runtime.predictor import Predictor, load

FILES = {
    "README.md",
    "backbone/backbone.json",
    "backbone/config.json",
    "backbone/tokenizer.json",
    "detector.safetensors",
    "manifest.json",
    "model.json",
    "model.safetensors",
    "pipeline.json",
}
TEXTS = ["book a table in Paris", "play some jazz", "", "Rome?"]


def names(folder: Path) -> set[str]:
    return {file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()}


def rewrite(model: Path, file: str, change: Any) -> None:
    """Edit a JSON file of the folder, and its hash with it: an edit that the manifest does not catch."""
    value = json.loads((model / file).read_text(encoding="utf-8"))
    change(value)
    (model / file).write_text(json.dumps(value), encoding="utf-8")
    manifest = json.loads((model / MANIFEST).read_text(encoding="utf-8"))
    manifest["sha256"][file] = hashlib.sha256((model / file).read_bytes()).hexdigest()
    (model / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")


@pytest.fixture(scope="module")
def predictor(trained: Any) -> Predictor:
    return load(trained.model_dir)


@pytest.fixture
def model(trained: Any, tmp_path: Path) -> Path:
    """A copy that a test may spoil."""
    return Path(shutil.copytree(trained.model_dir, tmp_path / "copy"))


def save(predictor: Predictor, pipeline: Any, folder: Path) -> None:
    result = RunEnd(
        run_dir=folder.parent,
        model_dir=folder,
        reason="finished",
        epochs_run=1,
        best_epoch=0,
        dev={"ner.f1": 0.5},
        test={},
        seconds=1.0,
        peak_memory_mb=1.0,
        sizes={"train": 1},
    )
    save_model(
        folder,
        pipeline=pipeline,
        model=predictor.network.model,  # type: ignore[attr-defined]
        codecs=predictor.codecs,
        result=result,
        states=predictor.saved.states,
        scope=predictor.scope,
    )


@pytest.fixture(scope="module")
def pipeline(trained: Any) -> Any:
    from nlu_kit.config.check import load_pipeline

    return load_pipeline(trained.run_dir / "pipeline.json")


def test_every_file_is_there_and_in_the_manifest(trained: Any) -> None:
    assert names(trained.model_dir) == FILES
    hashes = json.loads((trained.model_dir / MANIFEST).read_text(encoding="utf-8"))["sha256"]
    assert set(hashes) == FILES - {MANIFEST}
    for name, expected in hashes.items():
        assert hashlib.sha256((trained.model_dir / name).read_bytes()).hexdigest() == expected


def test_the_card_shows_texts_to_try_it_with(trained: Any) -> None:
    texts = json.loads((trained.model_dir / "model.json").read_text("utf-8"))["examples"]
    assert len(texts) == len(set(texts)) == 3
    card = (trained.model_dir / "README.md").read_text("utf-8")
    assert all(f"- `{text}`" in card for text in texts)


def test_nothing_in_it_is_pickled(trained: Any) -> None:
    for file in trained.model_dir.rglob("*"):
        if file.is_file() and file.suffix != ".safetensors":
            file.read_text(encoding="utf-8")
        elif file.is_file():
            header = file.read_bytes()
            assert json.loads(header[8 : 8 + int.from_bytes(header[:8], "little")])


def test_the_description(trained: Any) -> None:
    description = json.loads((trained.model_dir / DESCRIPTION).read_text(encoding="utf-8"))
    assert description["labels"]["intent"] == ["book", "play", "wake"]
    assert description["labels"]["ner"][:3] == ["O", "B-city", "I-city"]
    providers = {(entry["kind"], entry["type"]): entry["distribution"] for entry in description["providers"]}
    assert providers[("backbone", "transformer")] == providers[("head", "ner")] == "nlu-kit"
    assert ("loss", "weighted_cross_entropy") in providers
    assert description["training"]["sizes"] == {"train": 57, "dev": 19, "test": 19}


def test_the_card_has_the_figures_and_how_to_use_it(trained: Any) -> None:
    card = (trained.model_dir / "README.md").read_text(encoding="utf-8")
    assert card.startswith("# tiny\n")
    assert "train: 57 utterances, dev: 19 utterances, test: 19 utterances" in card
    for name, dev in trained.dev.items():
        assert f"| {name} | {100 * dev:.2f} | {100 * trained.test[name]:.2f} |" in card
    assert "- **intent** (`intent`): 3 classes: `book`, `play`, `wake`" in card
    assert 'nlu_kit.load("path/to/this/folder")' in card
    assert "- backbone `transformer`: nlu-kit " in card


def test_saved_and_loaded_again_it_predicts_the_same(predictor: Predictor, pipeline: Any, tmp_path: Path) -> None:
    save(predictor, pipeline, tmp_path / "again")
    again = load(tmp_path / "again")
    assert again.parse_many(TEXTS) == predictor.parse_many(TEXTS)
    assert (tmp_path / "again" / WEIGHTS).read_bytes() == (predictor.saved.files.folder / WEIGHTS).read_bytes()
    assert names(tmp_path) == {f"again/{name}" for name in FILES}


def test_it_can_be_moved_and_names_no_folder_that_it_needs(model: Path, predictor: Predictor, tmp_path: Path) -> None:
    moved = model.rename(tmp_path / "elsewhere é")
    rewrite(moved, "pipeline.json", lambda pipeline: pipeline["backbone"].update(model="/gone/for/good"))
    assert load(moved).parse_many(TEXTS) == predictor.parse_many(TEXTS)


def test_an_existing_folder_is_never_overwritten(predictor: Predictor, pipeline: Any, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="exists already"):
        save(predictor, pipeline, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_failure_half_way_leaves_nothing(
    predictor: Predictor, pipeline: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    def fail(*_: object) -> None:
        assert names(tmp_path), "the weights are written by now"
        raise error

    monkeypatch.setattr(folder_module, "model_card", fail)
    with pytest.raises(type(error)):
        save(predictor, pipeline, tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", sorted(FILES - {MANIFEST}))
def test_a_flipped_byte_is_found_in_every_file(model: Path, name: str) -> None:
    content = bytearray((model / name).read_bytes())
    content[len(content) // 2] ^= 1
    (model / name).write_bytes(content)
    with pytest.raises(ModelError, match=rf"is damaged: {name} has changed since it was written"):
        load(model)


@pytest.mark.parametrize("name", ["model.safetensors", "backbone/tokenizer.json", "pipeline.json"])
def test_a_missing_file(model: Path, name: str) -> None:
    (model / name).unlink()
    with pytest.raises(ModelError, match=rf"is damaged: {name} is missing\. Restore it from a copy or train again"):
        load(model)


@pytest.mark.parametrize("elsewhere", ["other.json", "/etc/passwd"])
def test_a_manifest_elsewhere_is_not_read(model: Path, elsewhere: str) -> None:
    (model.parent / "other.json").write_bytes((model / MANIFEST).read_bytes())
    (model / MANIFEST).unlink()
    (model / MANIFEST).symlink_to(elsewhere if elsewhere.startswith("/") else model.parent / elsewhere)
    with pytest.raises(ModelError, match=r"manifest\.json is a link out of the folder"):
        open_model(model, Registry.load())


def test_every_damage_is_named(model: Path) -> None:
    (model / "pipeline.json").unlink()
    (model / "README.md").write_bytes(b"")
    with pytest.raises(ModelError, match=r"pipeline\.json is missing") as caught:
        load(model)
    assert "README.md has changed" in str(caught.value)


@pytest.mark.parametrize("content", ["", "[]", "\xff"])
def test_a_broken_manifest(model: Path, content: str) -> None:
    (model / MANIFEST).write_text(content, encoding="latin-1")
    with pytest.raises(ModelError, match=r"manifest\.json (can't be read|is not a JSON object)"):
        load(model)


def test_a_manifest_that_leaves_the_weights_out(model: Path) -> None:
    manifest = json.loads((model / MANIFEST).read_text(encoding="utf-8"))
    del manifest["sha256"][WEIGHTS]
    (model / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
    with pytest.raises(ModelError, match=rf"{WEIGHTS} is not in the manifest"):
        load(model)


def test_another_format(model: Path) -> None:
    rewrite(model, DESCRIPTION, lambda description: description.update(format=99, nlu_kit="9.9"))
    with pytest.raises(ModelError, match=r"has format 99, this nlu-kit .* reads 1; .*nlu-kit 9\.9: install that"):
        load(model)


def test_without_the_plugin_that_built_it(model: Path) -> None:
    def other_maker(description: Any) -> None:
        for entry in description["providers"]:
            if entry["type"] == "transformer":
                entry.update(distribution="nlu-kit-strangers", version="3.1")

    rewrite(model, DESCRIPTION, other_maker)
    with pytest.raises(ModelError, match=r"needs the backbone 'transformer'.*pip install nlu-kit-strangers==3\.1"):
        open_model(model, Registry.of({}))


def test_parameters_that_the_installed_version_does_not_take(model: Path) -> None:
    rewrite(model, "pipeline.json", lambda pipeline: pipeline["heads"]["ner"].update(shape="round"))
    with pytest.raises(ModelError, match=r"(?s)the installed head 'ner' does not take the parameters.*pip install"):
        load(model)


def test_labels_that_do_not_fit_the_weights(model: Path) -> None:
    rewrite(model, DESCRIPTION, lambda description: description["labels"]["intent"].append("extra"))
    with pytest.raises(
        ModelError,
        match=r"model\.json does not fit the stored weights: it asks for intent\.classifier\.weight as F32 \[4, 32\]",
    ):
        load(model)


def test_what_a_path_may_mean(trained: Any, tmp_path: Path) -> None:
    for path in (trained.model_dir, trained.run_dir, trained.run_dir.parent / "latest"):
        assert find_model(path).resolve() == trained.model_dir.resolve()
    runs = tmp_path / "runs"
    shutil.copytree(trained.run_dir, runs / "one")
    (runs / "latest").write_text("one\n", encoding="utf-8")  # where links are not allowed
    assert find_model(runs / "latest") == runs / "one" / "model"


def test_a_path_that_means_no_model(trained: Any, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no trained model: .*Train one: nlu-kit train pipeline\.json"):
        find_model(tmp_path / "latest")
    with pytest.raises(ModelError, match=r"there is no \S+typo: a model is a model folder or a run's folder"):
        find_model(tmp_path / "typo")
    for path in (tmp_path, trained.model_dir / WEIGHTS):
        with pytest.raises(ModelError, match="is not a model folder"):
            find_model(path)
