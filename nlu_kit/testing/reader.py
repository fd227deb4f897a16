"""The contract of a reader. No torch."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from nlu_kit.data.example import Entity, Example
from nlu_kit.errors import DataError
from nlu_kit.testing.clauses import NotTried, clause
from nlu_kit.testing.trial import ComponentContract

GARBAGE = bytes(range(256))


class ReaderContract(ComponentContract):
    """The clauses of a reader, tried with what the spec's `sample` writes."""

    kind = "reader"

    @contextmanager
    def corpus(self) -> Iterator[tuple[Path, Path]]:
        """(an empty folder, what `sample` wrote in it)."""
        if self.spec.sample is None:
            raise NotTried("set `sample` in the spec: a function that writes a few examples into a folder")
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary) / "corpus"
            folder.mkdir()
            yield folder, Path(self.spec.sample(folder))

    def read(self, path: Path) -> list[Example]:
        return list(self.spec.read(self.params, path))

    # --- clauses ------------------------------------------------------------------------------------------------------

    @clause
    def reads_its_sample(self) -> None:
        """`sample` writes into the folder that it is given, and `read` yields Examples from there: each with a text
        that is not blank, an intent (a text, a tuple of texts or None), entities (a tuple or None) and labels."""
        with self.corpus() as (folder, path):
            inside = folder == path or folder in path.parents
            self.require(inside and path.exists(), f"{path} is not in the folder, or not there")
            examples = self.read(path)
        self.require(examples, "it yields nothing")
        for example in examples:
            self.require(isinstance(example, Example), f"it yields {example!r}")
            self.require(isinstance(example.text, str) and example.text.strip(), f"the text is {example.text!r}")
            names = example.intent if isinstance(example.intent, tuple) else (example.intent,)
            texts = all(isinstance(name, str) and name for name in names if example.intent is not None)
            self.require(texts, f"the intent is {example.intent!r}")
            spans = example.entities is None or isinstance(example.entities, tuple)
            self.require(spans, f"the entities are {example.entities!r}")
            self.require(isinstance(example.labels, Mapping), f"the labels are {example.labels!r}")

    @clause
    def sources(self) -> None:
        """`source` names the file and the place in it, a different one for each example: messages point there."""
        with self.corpus() as (_, path):
            examples = self.read(path)
            files = {file.name for file in [path, *path.rglob("*")] if file.is_file()}
        seen: set[str] = set()
        for example in examples:
            named = any(name in example.source for name in files)
            self.require(named, f"{example.source!r} names none of {', '.join(sorted(files))}")
            self.require(example.source not in seen, f"{example.source!r} is there twice")
            seen.add(example.source)

    @clause
    def offsets(self) -> None:
        """An entity is a span of the text that it is in, `[start, end)` in characters, not blank and without white
        space at its ends, and has a label."""
        with self.corpus() as (_, path):
            examples = self.read(path)
        if not any(example.entities for example in examples):
            raise NotTried("there is no entity in its sample")
        for example in examples:
            for entity in example.entities or ():
                self.require(isinstance(entity, Entity), f"{entity!r} in {example.text!r}")
                self.require(0 <= entity.start < entity.end <= len(example.text), f"{entity} in {example.text!r}")
                span = example.text[entity.start : entity.end]
                self.require(span == span.strip(), f"{span!r} in {example.text!r}")
                self.require(isinstance(entity.label, str) and entity.label, f"the label is {entity.label!r}")

    @clause
    def scope_is_left_to_the_core(self) -> None:
        """No example is marked `out_of_scope`: the core does that, from the intents that the pipeline names, or from
        what `labels` says."""
        with self.corpus() as (_, path):
            marked = [example.text for example in self.read(path) if example.out_of_scope]
        self.require(not marked, f"it marks {', '.join(map(repr, marked))}")

    @clause
    def repeatable(self) -> None:
        """Reading twice gives the same, and leaves the files as they are."""
        with self.corpus() as (folder, path):
            before = _contents(folder)
            first, second = self.read(path), self.read(path)
            after = _contents(folder)
        self.require(first == second, "the second time it yields something else")
        self.require(before == after, "files are changed")

    @clause
    def detects_its_own(self) -> None:
        """`detect` says yes to what `sample` wrote."""
        with self.corpus() as (_, path):
            found = self.spec.detect(path)
        self.require(found is True, f"it says {found!r}")

    @clause
    def detects_nothing_else(self) -> None:
        """`detect` says no, without raising, to what is no corpus of this format: a file of prose, one of bytes, an
        empty folder, a folder of other files, a path that does not exist."""
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            (folder / "empty").mkdir()
            (folder / "README").write_text("How to book a table.\nAnd more of it.\n", encoding="utf-8")
            (folder / "picture.unknown").write_bytes(GARBAGE)
            for path in (folder, folder / "empty", folder / "README", folder / "picture.unknown", folder / "missing"):
                found = self.spec.detect(path)
                self.require(found is False, f"it says {found!r} to {path.name if path != folder else 'such a folder'}")
        if self.spec.sample is not None:
            with self.corpus() as (folder, path):
                shutil.rmtree(folder)
                found = self.spec.detect(path)
            self.require(found is False, f"it says {found!r} to a path that has just been removed")

    @clause
    def broken_files(self) -> None:
        """A damaged file (cut off, emptied, removed, not UTF-8, random bytes) is read as far as that goes, or raises
        DataError with a message that names a file; it raises nothing else."""
        with self.corpus() as (folder, path):
            contents = _contents(folder)
            for name, content in contents.items():
                for what, damaged in _damaged(content).items():
                    copy = folder.with_name("copy")
                    shutil.copytree(folder, copy)
                    _write(copy / name, damaged)
                    self._try_reading(copy / path.relative_to(folder), f"{name}, {what}", [*contents, str(copy)])
                    shutil.rmtree(copy)

    def _try_reading(self, path: Path, what: str, names: list[str]) -> None:
        try:
            self.read(path)
        except DataError as error:
            named = any(name in str(error) for name in names)
            self.require(named, f"{what}: the message names no file: {error}")
        except Exception as error:  # noqa: BLE001 - whatever it is, it is what the clause is about
            self.require(False, f"{what}: {type(error).__name__}: {error}")

    @clause
    def missing_path(self) -> None:
        """A path that does not exist raises DataError with that path in its message."""
        path = Path(tempfile.gettempdir()) / "nlu-kit-no-such-corpus"
        try:
            found = self.read(path)
        except DataError as error:
            self.require(path.name in str(error), f"the message is {error}")
        except Exception as error:  # noqa: BLE001 - whatever it is, it is what the clause is about
            self.require(False, f"{type(error).__name__}: {error}")
        else:
            self.require(False, f"it yields {len(found)} examples")


def _contents(folder: Path) -> dict[str, bytes]:
    """Every file's, by its path in the folder."""
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in files}


def _damaged(content: bytes) -> dict[str, bytes | None]:
    middle = len(content) // 2
    return {
        "cut off in the middle": content[:middle],
        "emptied": b"",
        "removed": None,
        "not UTF-8": content[:middle] + b"\xff\xfe\x80" + content[middle:],
        "random bytes": GARBAGE * 3,
    }


def _write(file: Path, content: bytes | None) -> None:
    if content is None:
        file.unlink()
    else:
        file.write_bytes(content)
