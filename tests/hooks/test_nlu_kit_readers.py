"""``nlu_kit_readers``: a corpus format."""

from __future__ import annotations

from typing import Any

from nlu_kit.params import Params
from nlu_kit.plugin.hooks import hookimpl
from nlu_kit.plugin.specs import ReaderSpec


class MineParams(Params):
    strength: float = 2.0


def build(params: MineParams, *context: Any) -> str:
    return f"built with {params.strength}"


class Plugin:
    NLU_KIT_CONTRACT = 2

    @hookimpl
    def nlu_kit_readers(self) -> list[ReaderSpec[MineParams]]:
        return [ReaderSpec(name="mine", summary="Mine.", params=MineParams, read=build, detect=bool)]


def test_the_reader_reaches_the_pipeline(resolve_with: Any) -> None:
    reader = resolve_with(Plugin(), {"data": {"train": "x", "reader": {"type": "mine", "strength": 4}}}).reader
    assert (reader.type, reader.provided.plugin, reader.params) == ("mine", "mine", MineParams(strength=4))


def test_auto_leaves_the_choice_to_the_data(resolve_with: Any) -> None:
    pipeline = resolve_with(Plugin(), {"data": {"train": "x", "reader": "auto"}})
    assert pipeline.reader is None
    assert [p.spec.name for p in pipeline.registry.all("reader")] == ["mine"]
