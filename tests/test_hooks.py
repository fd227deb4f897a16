"""Every hook: a plugin that implements it reaches what the user composes, and nothing of it is used unless named."""

from __future__ import annotations

import inspect
import json
import textwrap
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import click
import pytest
from click.testing import CliRunner

from nlu_kit.cli.lazy import LazyGroup
from nlu_kit.config.check import resolve
from nlu_kit.config.pipeline import Pipeline
from nlu_kit.config.pretraining import load_pretraining
from nlu_kit.errors import PluginError
from nlu_kit.heads.label import LabelCodec
from nlu_kit.plugin import DetectorParams, DetectorSpec, ObjectiveParams, Params, hookimpl
from nlu_kit.plugin.hooks import KINDS, NluKitSpecs
from nlu_kit.plugin.specs import CONTRACT, CONTRACT_ATTRIBUTE
from nlu_kit.registry import Registry

HOOKS = [name for name, _ in inspect.getmembers(NluKitSpecs, inspect.isfunction) if not name.startswith("_")]
NEEDED = ("backbone", "head", "loss", "balancing", "sampler", "freezing")  # of any pipeline


class StubParams(Params):
    size: int = 3


class MineParams(DetectorParams, ObjectiveParams):  # which suit every kind
    strength: float = 2.0


def never(*_: object) -> Any:
    raise AssertionError("checking a pipeline must build nothing")


def built(params: MineParams, *context: Any) -> str:
    return f"built with {params.strength}"


def plugin(**components: Any) -> object:
    """A plugin with one component for each kind named: ``plugin(loss=spec)``."""
    hooks = {
        KINDS[kind][0]: hookimpl(lambda self, spec=spec: [spec], specname=KINDS[kind][0])
        for kind, spec in components.items()
    }
    return type("Plugin", (), {CONTRACT_ATTRIBUTE: CONTRACT, **hooks})()


def spec_of(kind: str, name: str, params: type[Params], build: Any, **fields: Any) -> Any:
    own: Mapping[str, Any] = {
        "head": {"build": build, "codec": LabelCodec},
        "reader": {"read": build, "detect": bool},
    }.get(kind, {"build": build})
    return KINDS[kind][1](name=name, summary=f"The {name}.", params=params, **own, **fields)


STUBS = plugin(**{kind: spec_of(kind, f"stub_{kind}", StubParams, never, default=True) for kind in NEEDED})


def resolve_with(mine: object, sections: Mapping[str, Any]) -> Pipeline:
    registry = Registry.of({"stubs": STUBS, "mine": mine})
    return resolve({"data": {"train": "train.jsonl"}, **sections}, base_dir=Path(), registry=registry)


MINE = {"type": "mine", "strength": 4}
# kind -> (where a pipeline names it, where it then is, what is there when none is named)
PLACES: dict[str, tuple[dict[str, Any], Any, Any]] = {
    "backbone": ({"backbone": MINE}, lambda p: p.backbone, "stub_backbone"),
    "head": ({"heads": {"task": MINE}}, lambda p: next(iter(p.heads.values())).head, "stub_head"),
    "loss": (
        {"heads": {"task": {"type": "stub_head", "loss": MINE}}},
        lambda p: next(iter(p.heads.values())).loss,
        "stub_loss",
    ),
    "balancing": ({"balancing": MINE}, lambda p: p.balancing, "stub_balancing"),
    "sampler": ({"sampler": MINE}, lambda p: p.sampler, "stub_sampler"),
    "freezing": ({"freezing": MINE}, lambda p: p.freezing, "stub_freezing"),
    "detector": ({"detector": MINE}, lambda p: p.detector, None),
    "reader": ({"data": {"train": "x", "reader": MINE}}, lambda p: p.reader, None),
    "callback": ({"training": {"callbacks": [MINE]}}, lambda p: next(iter(p.callbacks), None), None),
}


@pytest.mark.parametrize("kind", PLACES)
def test_the_component_reaches_the_pipeline(kind: str) -> None:
    sections, where, _ = PLACES[kind]
    part = where(resolve_with(plugin(**{kind: spec_of(kind, "mine", MineParams, built)}), sections))
    assert (part.type, part.provided.plugin, part.params) == ("mine", "mine", MineParams(strength=4))
    if kind != "reader":
        assert part.make(None) == "built with 4.0"


@pytest.mark.parametrize("kind", PLACES)
def test_it_is_not_used_unless_named(kind: str) -> None:
    _, where, otherwise = PLACES[kind]
    part = where(resolve_with(plugin(**{kind: spec_of(kind, "mine", MineParams, never)}), {}))
    assert (part if part is None else part.type) == otherwise


def test_an_objective_is_named_in_pretrain_json_and_nowhere_else(tmp_path: Path) -> None:
    assert set(KINDS) - set(PLACES) == {"objective"}
    mine = plugin(objective=spec_of("objective", "mine", MineParams, built))
    registry = Registry.of({"stubs": STUBS, "mine": mine})
    (tmp_path / "pretrain.json").write_text(json.dumps({"objectives": [MINE, "mine"]}), encoding="utf-8")
    plan = load_pretraining(tmp_path, registry=registry)
    assert {name: part.make(None) for name, part in plan.objectives.items()} == {
        "mine": "built with 4.0",
        "mine_2": "built with 2.0",
    }


def test_what_a_head_produces_decides_its_loss() -> None:
    head = spec_of("head", "mine", MineParams, built, produces="own_loss")
    heads = resolve_with(plugin(head=head), {"heads": {"first": "mine", "second": "stub_head"}}).heads
    assert heads["first"].loss is None
    assert heads["second"].loss is not None
    assert heads["second"].loss.type == "stub_loss"


def test_a_detector_has_the_parameters_of_every_detector() -> None:
    wrong = DetectorSpec(name="mine", summary="Mine.", params=StubParams, build=never)  # type: ignore[type-var]
    with pytest.raises(PluginError, match=r"detector 'mine' must be a subclass of nlu_kit\.plugin\.DetectorParams"):
        Registry.of({"wrong": plugin(detector=wrong)})


# --- commands ---------------------------------------------------------------------------------------------------------


class Shouting:
    NLU_KIT_CONTRACT = CONTRACT

    @hookimpl
    def nlu_kit_commands(self, cli: click.Group) -> None:
        @cli.command("shout")
        @click.argument("text")
        def shout(text: str) -> None:
            """Say it louder."""
            click.echo(text.upper())


class Usurper:
    NLU_KIT_CONTRACT = CONTRACT

    @hookimpl
    def nlu_kit_commands(self, cli: click.Group) -> None:
        cli.add_command(click.Command("train"))


class Broken:
    NLU_KIT_CONTRACT = CONTRACT

    @hookimpl
    def nlu_kit_commands(self) -> None:
        raise ImportError("no module named 'loud'")


def group(monkeypatch: pytest.MonkeyPatch, **plugins: object) -> LazyGroup:
    monkeypatch.setattr(Registry, "load", lambda: Registry.of(plugins))
    return LazyGroup("nlu-kit", lazy={"train": ("does.not.exist", "command", "Train.")})


def test_the_command_is_listed_and_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    cli = group(monkeypatch, loud=Shouting())
    assert "shout  Say it louder." in CliRunner().invoke(cli, ["--help"]).output
    assert CliRunner().invoke(cli, ["shout", "hi"]).output == "HI\n"


def test_a_command_of_ours_cannot_be_replaced_in_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    listed = CliRunner().invoke(group(monkeypatch, usurper=Usurper(), loud=Shouting()), ["--help"])
    assert listed.exit_code == 0, "help must answer whatever a plugin does"
    assert "'usurper'" in listed.stderr
    assert "adds the command 'train', which nlu-kit itself has already" in listed.stderr


def test_two_plugins_cannot_share_a_command() -> None:
    registry = Registry.of({"one": Shouting(), "two": Shouting()})
    with pytest.raises(PluginError, match=r"'shout', which plugin '(one|two)'"):
        registry.add_commands(click.Group())


def test_a_hook_that_raises_leaves_the_others_theirs(monkeypatch: pytest.MonkeyPatch) -> None:
    cli = group(monkeypatch, broken=Broken(), loud=Shouting())
    assert CliRunner().invoke(cli, ["shout", "hi"]).output == "HI\n"
    unknown = CliRunner().invoke(cli, ["whisper"])
    assert unknown.exit_code == 2
    assert "broken of broken 0: ImportError: no module named 'loud'" in unknown.stderr


# --- all of them ------------------------------------------------------------------------------------------------------


def test_every_hook_is_in_the_table() -> None:
    assert {hook for hook, _ in KINDS.values()} | {"nlu_kit_commands"} == set(HOOKS)


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_shows_a_whole_plugin_that_works(hook: str) -> None:
    text, _, example = (inspect.getdoc(getattr(NluKitSpecs, hook)) or "").partition("Example::\n\n")
    assert text.strip()
    module = ModuleType("example")
    exec(compile(textwrap.dedent(example), hook, "exec"), vars(module))
    module.NLU_KIT_CONTRACT = CONTRACT  # type: ignore[attr-defined]
    registry = Registry.of({"example": module})
    if hook == "nlu_kit_commands":
        assert [command.name for command in registry.commands()] == ["hello"]
        return
    (kind,) = [kind for kind, (name, _) in KINDS.items() if name == hook]
    (provided,) = registry.all(kind)
    assert provided.spec.params(), "its parameters have defaults"
