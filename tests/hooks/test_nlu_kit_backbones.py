"""``nlu_kit_backbones``: a shared encoder."""

from __future__ import annotations

from typing import Any

from nlu_kit.params import Params
from nlu_kit.plugin.hooks import hookimpl
from nlu_kit.plugin.specs import BackboneSpec


class MineParams(Params):
    strength: float = 2.0


def build(params: MineParams, *context: Any) -> str:
    return f"built with {params.strength}"


class Plugin:
    NLU_KIT_CONTRACT = 2

    @hookimpl
    def nlu_kit_backbones(self) -> list[BackboneSpec[MineParams]]:
        return [BackboneSpec(name="mine", summary="Mine.", params=MineParams, build=build)]


def test_the_component_reaches_the_pipeline(resolve_with: Any) -> None:
    part = resolve_with(Plugin(), {"backbone": {"type": "mine", "strength": 4}}).backbone
    assert (part.type, part.provided.plugin, part.params) == ("mine", "mine", MineParams(strength=4))
    assert part.provided.spec.build(part.params, None) == "built with 4.0"


def test_it_is_not_used_unless_named(resolve_with: Any) -> None:
    assert resolve_with(Plugin(), {}).backbone.type == "stub_backbone"
