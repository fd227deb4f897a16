"""``nlu_kit_callbacks``: a listener to the run."""

from __future__ import annotations

from typing import Any

from nlu_kit.params import Params
from nlu_kit.plugin.hooks import hookimpl
from nlu_kit.plugin.specs import CallbackSpec


class MineParams(Params):
    strength: float = 2.0


def build(params: MineParams, *context: Any) -> str:
    return f"built with {params.strength}"


class Plugin:
    NLU_KIT_CONTRACT = 2

    @hookimpl
    def nlu_kit_callbacks(self) -> list[CallbackSpec[MineParams]]:
        return [CallbackSpec(name="mine", summary="Mine.", params=MineParams, build=build)]


def test_the_callback_reaches_the_pipeline(resolve_with: Any) -> None:
    sections = {"training": {"callbacks": ["mine", {"type": "mine", "strength": 4}]}}
    callbacks = resolve_with(Plugin(), sections).callbacks
    assert [callback.params for callback in callbacks] == [MineParams(), MineParams(strength=4)]
    assert callbacks[0].provided.plugin == "mine"


def test_it_is_not_used_unless_named(resolve_with: Any) -> None:
    assert resolve_with(Plugin(), {}).callbacks == []
