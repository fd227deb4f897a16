"""``nlu_kit_detectors``: what tells that an utterance is out of scope."""

from __future__ import annotations

from typing import Any

import pytest

from nlu_kit.errors import PluginError
from nlu_kit.params import Params
from nlu_kit.plugin.contracts import DetectorParams
from nlu_kit.plugin.hooks import hookimpl
from nlu_kit.plugin.specs import DetectorSpec, HeadSpec
from nlu_kit.registry import Registry


class MineParams(DetectorParams):
    strength: float = 2.0


class HeadParams(Params):
    pass


def build(params: MineParams, *context: Any) -> str:
    return f"built with {params.strength}"


class Plugin:
    NLU_KIT_CONTRACT = 2

    @hookimpl
    def nlu_kit_detectors(self) -> list[DetectorSpec[MineParams]]:
        return [DetectorSpec(name="mine", summary="Mine.", params=MineParams, build=build)]  # type: ignore[arg-type]

    @hookimpl
    def nlu_kit_heads(self) -> list[HeadSpec[HeadParams]]:
        parts: Any = {"build": None, "codec": None, "fit": None}
        return [HeadSpec(name="labelling", summary="Labels.", params=HeadParams, one_label=True, **parts)]


def test_the_component_reaches_the_pipeline(resolve_with: Any) -> None:
    sections = {"heads": {"goal": "labelling"}, "detector": {"type": "mine", "strength": 4}}
    pipeline = resolve_with(Plugin(), sections)
    part = pipeline.detector
    assert (part.type, part.provided.plugin, part.params) == ("mine", "mine", MineParams(strength=4))
    assert part.provided.spec.build(part.params, None) == "built with 4.0"
    assert pipeline.watched == "goal"


def test_it_is_not_used_unless_named(resolve_with: Any) -> None:
    assert resolve_with(Plugin(), {"heads": {"goal": "labelling"}}).detector is None


def test_its_parameters_have_those_of_every_detector() -> None:
    class Wrong:
        NLU_KIT_CONTRACT = 2

        @hookimpl
        def nlu_kit_detectors(self) -> list[Any]:
            return [DetectorSpec(name="mine", summary="Mine.", params=HeadParams, build=build)]  # type: ignore[arg-type,type-var]

    with pytest.raises(PluginError, match=r"detector 'mine' must be a subclass of nlu_kit\.specs\.DetectorParams"):
        Registry.of({"wrong": Wrong()})
