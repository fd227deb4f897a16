"""The files of a model folder, as whoever rebuilds a part of the model may read them."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from nlu_kit.errors import ModelError
from nlu_kit.files import JsonError, open_regular, parse_json, read_regular, sha256

M = TypeVar("M", bound=BaseModel)

LARGEST = 256 << 20  # bytes of any file but the weights; the largest that people have are tokenizers of some 20 MB


@dataclass(frozen=True, slots=True)
class StoredTensor:
    """What a weights file says of a tensor before its numbers are read; ``dtype`` as safetensors writes it ("F32")."""

    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Assets:
    """Files below ``folder``, read by their names there; with ``hashes`` only those named in it, and only as hashed.

    ``private``: nobody else writes there, so that a file may be mapped into memory rather than read.

    ``tensors``: by parameter name the weights that belong to them, for a backbone to compare with what it is about to
    allocate (``nlu_kit.plugin.check_stored``).
    """

    folder: Path
    hashes: Mapping[str, str] | None = None
    tensors: Mapping[str, StoredTensor] = field(default_factory=dict)
    private: bool = False

    def __contains__(self, name: str) -> bool:
        return (self.folder / name).exists() if self.hashes is None else name in self.hashes

    def read(self, name: str, *, limit: int | None = LARGEST) -> bytes:
        """A file's bytes. Raises ModelError where it is missing, no regular file, too large, or not as it was."""
        file = self.folder / name
        try:
            raw = read_regular(file, limit=limit)
        except (OSError, JsonError) as error:
            raise ModelError(f"{file} can't be read: {reason(error)}") from error
        if self.hashes is not None:
            if name not in self.hashes:
                raise ModelError(f"{file} is not in the manifest, so it is not read")
            if hashlib.sha256(raw).hexdigest() != self.hashes[name]:
                raise self._changed(name)
        return raw

    def verify(self, name: str) -> Path:
        """Where a file is that something else reads. Raises ModelError where it is missing, or not as it was."""
        file = self.folder / name
        try:
            found = sha256(file)
        except OSError as error:
            raise ModelError(f"{file} can't be read: {reason(error)}") from error
        if self.hashes is not None and self.hashes.get(name) != found:
            raise self._changed(name)
        return file

    def copy(self, names: Iterable[str], target: Path) -> Assets:
        """Copies below ``target``, a folder where nobody else writes. Raises ModelError where a file is missing, or not
        as it was hashed, and OSError where there is no room."""
        for name in names:
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            try:
                source = open_regular(self.folder / name)
            except OSError as error:
                raise ModelError(f"{self.folder / name} can't be read: {reason(error)}") from error
            with source, (target / name).open("wb") as copy:
                shutil.copyfileobj(source, copy)
            if self.hashes is not None and sha256(target / name) != self.hashes.get(name):
                raise self._changed(name)
        return replace(self, folder=target, private=True)

    def _changed(self, name: str) -> ModelError:
        return ModelError(
            f"the model in {self.folder} is damaged: {name} has changed since it was written. Restore it from a copy "
            "or train again"
        )

    def json(self, name: str) -> dict[str, Any]:
        """The JSON object in a file. Raises ModelError, too, where it is none."""
        try:
            return json_object(parse_json(self.read(name).decode("utf-8")), self.folder / name)
        except ValueError as error:
            if isinstance(error, ModelError):
                raise
            raise ModelError(f"{self.folder / name} can't be read: {error}") from error

    def settings(self, name: str, schema: type[M]) -> M:
        """The JSON object in a file, in the shape of ``schema``. Raises ModelError for each key that is wrong, too."""
        return read_as(schema, self.json(name), self.folder / name)

    def below(self, name: str, tensors: Mapping[str, StoredTensor] | None = None) -> Assets:
        """Those in the folder ``name``, with their names there."""
        prefix, hashes = f"{name}/", self.hashes
        if hashes is not None:
            hashes = {file.removeprefix(prefix): digest for file, digest in hashes.items() if file.startswith(prefix)}
        return replace(self, folder=self.folder / name, hashes=hashes, tensors=tensors or {})


def read_as(schema: type[M], value: Mapping[str, Any], file: Path, where: str = "") -> M:
    """``value``, which ``file`` holds (at the key ``where``), in the shape of ``schema``.

    Raises ModelError with each key that is wrong, what was got and what is wanted.
    """
    try:
        return schema.model_validate_json(json.dumps(value), strict=True)
    except ValidationError as error:
        raise ModelError("; ".join(f"{file}: {problem}" for problem in _problems(error, where))) from error


def _problems(error: ValidationError, where: str) -> list[str]:
    found = []
    for item in error.errors(include_url=False)[:5]:
        key = ".".join([*([where] if where else []), *(str(part) for part in item["loc"])])
        got = "" if item["type"] == "missing" else f", got {str(item['input'])[:60]!r}"
        found.append(f"{key}: {item['msg'].removeprefix('Value error, ')}{got}")
    return found


def json_object(value: Any, file: Path) -> dict[str, Any]:
    """``value`` where it is a JSON object; raises ModelError where the file holds something else."""
    if not isinstance(value, dict):
        raise ModelError(f"{file} is not a JSON object")
    return value


def reason(error: Exception) -> str:
    """Why a file can't be read, without its name."""
    return (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
