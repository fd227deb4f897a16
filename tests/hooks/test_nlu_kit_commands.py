"""``nlu_kit_commands``: a command of the plugin's own."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from nlu_kit.cli.lazy import LazyGroup
from nlu_kit.errors import PluginError
from nlu_kit.plugin.hooks import hookimpl
from nlu_kit.registry import Registry


class Plugin:
    NLU_KIT_CONTRACT = 2

    @hookimpl
    def nlu_kit_commands(self, cli: click.Group) -> None:
        @cli.command("shout")
        @click.argument("text")
        def shout(text: str) -> None:
            """Say it louder."""
            click.echo(text.upper())


class Usurper:
    NLU_KIT_CONTRACT = 2

    @hookimpl
    def nlu_kit_commands(self, cli: click.Group) -> None:
        cli.add_command(click.Command("train"))


class Broken:
    NLU_KIT_CONTRACT = 2

    @hookimpl
    def nlu_kit_commands(self) -> None:
        raise ImportError("no module named 'loud'")


def group(monkeypatch: pytest.MonkeyPatch, **plugins: object) -> LazyGroup:
    monkeypatch.setattr(Registry, "load", lambda: Registry.of(plugins))
    return LazyGroup("nlu-kit", lazy={"train": ("does.not.exist", "command", "Train.")})


def test_the_command_is_listed_and_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    cli = group(monkeypatch, loud=Plugin())
    listed = CliRunner().invoke(cli, ["--help"])
    assert "shout  Say it louder." in listed.output
    assert CliRunner().invoke(cli, ["shout", "hi"]).output == "HI\n"


def test_a_command_of_ours_cannot_be_replaced_in_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    cli = group(monkeypatch, usurper=Usurper(), loud=Plugin())
    listed = CliRunner().invoke(cli, ["--help"])
    assert listed.exit_code == 0, "help must answer whatever a plugin does"
    assert "'usurper'" in listed.stderr
    assert "adds the command 'train', which nlu-kit itself has already" in listed.stderr


def test_two_plugins_cannot_share_a_command() -> None:
    registry = Registry.of({"one": Plugin(), "two": Plugin()})
    with pytest.raises(PluginError, match=r"'shout', which plugin '(one|two)'"):
        registry.add_commands(click.Group())


def test_a_hook_that_raises_leaves_the_others_theirs(monkeypatch: pytest.MonkeyPatch) -> None:
    cli = group(monkeypatch, broken=Broken(), loud=Plugin())
    assert CliRunner().invoke(cli, ["shout", "hi"]).output == "HI\n"
    unknown = CliRunner().invoke(cli, ["whisper"])
    assert unknown.exit_code == 2
    assert "broken of broken 0: ImportError: no module named 'loud'" in unknown.stderr
