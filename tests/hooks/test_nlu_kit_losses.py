"""``nlu_kit_losses``: the criterion of one head."""

from __future__ import annotations

from typing import Any

from nlu_kit.params import Params
from nlu_kit.plugin.hooks import hookimpl
from nlu_kit.plugin.specs import LossSpec


class MineParams(Params):
    strength: float = 2.0


def build(params: MineParams, *context: Any) -> str:
    return f"built with {params.strength}"


class Plugin:
    NLU_KIT_CONTRACT = 2

    @hookimpl
    def nlu_kit_losses(self) -> list[LossSpec[MineParams]]:
        return [LossSpec(name="mine", summary="Mine.", params=MineParams, build=build)]


def test_the_loss_reaches_its_head(resolve_with: Any) -> None:
    section = {"type": "stub_head", "loss": {"type": "mine", "strength": 4}}
    loss = resolve_with(Plugin(), {"heads": {"task": section}}).heads["task"].loss
    assert (loss.type, loss.provided.plugin, loss.params) == ("mine", "mine", MineParams(strength=4))


def test_it_is_not_used_unless_named(resolve_with: Any) -> None:
    assert resolve_with(Plugin(), {}).heads["stub_head"].loss.type == "stub_loss"
