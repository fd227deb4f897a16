"""Each clause of a reader's contract can fail."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nlu_kit.data.example import Entity, Example
from nlu_kit.errors import DataError
from nlu_kit.plugin.specs import ReaderSpec

LINES = ["book a table\tbook_table", "a [café] in [Paris]\tbook_table", "what is the answer\tnone"]


def sample(folder: Path) -> Path:
    file = folder / "sample.lines"
    file.write_text("".join(f"{line}\n" for line in LINES), encoding="utf-8")
    return file


class Good:
    """A line is a text with its places in brackets, a tab, the intent."""

    def lines(self, path: Path) -> list[str]:
        try:
            return path.read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            raise DataError(f"{path} does not exist") from None
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"{path} can't be read: {error}") from error

    def read(self, params: Any, path: Path) -> Iterator[Example]:
        for number, line in enumerate(self.lines(path), start=1):
            if "\t" not in line.strip():
                continue
            marked, intent = line.split("\t", 1)
            yield self.example(marked, intent.strip() or "none", self.source(path, number))

    def source(self, path: Path, number: int) -> str:
        return f"{path}:{number}"

    def example(self, marked: str, intent: str, source: str) -> Example:
        text, entities = "", []
        for part in marked.replace("]", "[").split("["):
            if f"[{part}]" in marked and part.strip() == part != "":
                entities.append(self.entity(text, part))
            text += part
        if not text.strip():
            text = "?"
        return Example(text=text, intent=intent, entities=tuple(entities), source=source)

    def entity(self, before: str, part: str) -> Entity:
        return Entity(start=len(before), end=len(before) + len(part), label="place")

    def detect(self, path: Path) -> bool:
        return path.suffix == ".lines" and path.is_file()


class YieldsBlankTexts(Good):
    def read(self, params: Any, path: Path) -> Iterator[Example]:
        yield from super().read(params, path)
        yield Example(text="", source=f"{path}:end")


class NamesTheLineOnly(Good):
    def source(self, path: Path, number: int) -> str:
        return f"line {number}"


class CountsBytes(Good):
    def entity(self, before: str, part: str) -> Entity:
        start, size = len(before.encode()), len(part.encode())
        return Entity(start=start, end=start + size, label="place")


class MarksScope(Good):
    def example(self, marked: str, intent: str, source: str) -> Example:
        return replace(super().example(marked, intent, source), out_of_scope=intent == "none")


class ReadsOtherwiseTheSecondTime(Good):
    times = 0

    def lines(self, path: Path) -> list[str]:
        self.times += 1
        return super().lines(path)[:: 1 if self.times % 2 else -1]


class DetectsOthers(Good):
    def detect(self, path: Path) -> bool:
        return path.suffix == ".tsv" and path.is_file()


class DetectsByName(Good):
    def detect(self, path: Path) -> bool:
        return path.suffix == ".lines"


class RaisesWhatPythonRaises(Good):
    def lines(self, path: Path) -> list[str]:
        if not path.exists():
            raise DataError(f"{path} does not exist")
        return path.read_text(encoding="utf-8").splitlines()


class IsSilentAboutMissingFiles(Good):
    def lines(self, path: Path) -> list[str]:
        return super().lines(path) if path.exists() else []


BROKEN: dict[str, type[Good]] = {
    "reads-its-sample": YieldsBlankTexts,
    "sources": NamesTheLineOnly,
    "offsets": CountsBytes,
    "scope-is-left-to-the-core": MarksScope,
    "repeatable": ReadsOtherwiseTheSecondTime,
    "detects-its-own": DetectsOthers,
    "detects-nothing-else": DetectsByName,
    "broken-files": RaisesWhatPythonRaises,
    "missing-path": IsSilentAboutMissingFiles,
}


def spec(params: Any, reader: type[Good], **fields: Any) -> ReaderSpec[Any]:
    made = reader()
    given = {"read": made.read, "detect": made.detect, "sample": sample, **fields}
    return ReaderSpec(name="stub", summary="A stub.", params=params, **given)


def test_the_good_one_keeps_it(stub_plugin: Any, violations: Any) -> None:
    assert violations(spec(stub_plugin.StubParams, Good)) == {}


@pytest.mark.parametrize("clause", BROKEN)
def test_a_broken_one_is_found(clause: str, stub_plugin: Any, assert_breaks: Any) -> None:
    assert_breaks(spec(stub_plugin.StubParams, BROKEN[clause]), clause)


def test_without_a_sample_it_says_what_to_do(stub_plugin: Any, violations: Any) -> None:
    from nlu_kit.plugin.hooks import hookimpl
    from nlu_kit.registry import Registry
    from nlu_kit.testing import NotTried, contract_checks

    class Plugin:
        NLU_KIT_CONTRACT = 2

        @hookimpl
        def nlu_kit_readers(self) -> list[Any]:
            return [spec(stub_plugin.StubParams, RaisesWhatPythonRaises, sample=None)]

    left = {}
    for check in contract_checks("reader", "stub", registry=Registry.of({"mine": Plugin()})):
        try:
            check()
        except NotTried as reason:
            left[check.clause.name] = str(reason)
    assert left["broken-files"].startswith("set `sample` in the spec")
    assert "missing-path" not in left
    assert "detects-nothing-else" not in left


def test_every_clause_has_a_broken_one(own_clauses: Any) -> None:
    assert set(BROKEN) == own_clauses("reader")
