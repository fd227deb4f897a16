"""``nlu_kit_heads``: a task on top of the backbone."""

from __future__ import annotations

from typing import Any

from nlu_kit.params import Params
from nlu_kit.plugin.hooks import hookimpl
from nlu_kit.plugin.specs import HeadSpec


class MineParams(Params):
    strength: float = 2.0


def build(params: MineParams, *context: Any) -> str:
    return f"built with {params.strength}"


class Plugin:
    NLU_KIT_CONTRACT = 2

    @hookimpl
    def nlu_kit_heads(self) -> list[HeadSpec[MineParams]]:
        return [
            HeadSpec(
                name="mine",
                summary="Mine.",
                params=MineParams,
                build=build,
                codec=build,
                fit=build,
                produces="own_loss",
            )
        ]


def test_the_head_reaches_the_pipeline_under_the_users_name(resolve_with: Any) -> None:
    heads = resolve_with(Plugin(), {"heads": {"first": {"type": "mine", "strength": 4}, "second": "stub_head"}}).heads
    assert list(heads) == ["first", "second"]
    assert heads["first"].head.params == MineParams(strength=4)
    assert heads["first"].head.provided.plugin == "mine"


def test_what_it_produces_decides_its_loss(resolve_with: Any) -> None:
    heads = resolve_with(Plugin(), {"heads": {"first": "mine", "second": "stub_head"}}).heads
    assert heads["first"].loss is None
    assert heads["second"].loss.type == "stub_loss"
