"""``nlu-kit plugins check``: what it means by a name, what it says, and how it ends."""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import pytest

from nlu_kit.cli.main import main
from nlu_kit.plugin.hooks import hookimpl
from nlu_kit.registry import Failure, Registry

RANDOM: Any = Registry.load().get("sampler", "random").spec

Captured = pytest.CaptureFixture[str]


class Shy:
    """The sampler `random`, but for what it says of itself."""

    def __init__(self, sampler: Any) -> None:
        self._sampler = sampler

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sampler, name)

    def describe(self) -> Mapping[str, float]:
        print("let me see")
        return {"shyness": math.inf}


class Samplers:
    """One that keeps its contract and one that does not."""

    NLU_KIT_CONTRACT = 2

    @hookimpl
    def nlu_kit_samplers(self) -> list[Any]:
        broken = replace(RANDOM, name="shy", build=lambda params, context: Shy(RANDOM.build(params, context)))
        return [replace(RANDOM, name="bold"), broken]


class Commands:
    NLU_KIT_CONTRACT = 2

    @hookimpl
    def nlu_kit_commands(self, cli: click.Group) -> None:
        cli.add_command(click.Command("shout", help="Say it louder."))


class Speechless:
    NLU_KIT_CONTRACT = 2

    @hookimpl
    def nlu_kit_commands(self, cli: click.Group) -> None:
        class Silent(click.Command):
            def get_help(self, ctx: click.Context) -> str:
                raise LookupError("no words")

        cli.add_command(Silent("mumble"))


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Registry:
    """Three small plugins in place of all that is installed."""
    found = Registry.of({"samplers": Samplers(), "nlu-kit-loud": Commands(), "speechless": Speechless()})
    monkeypatch.setattr(Registry, "load", lambda: found)
    return found


def check(*arguments: str) -> int:
    return main(["plugins", "check", *arguments])


def lines(text: str) -> list[str]:
    """The first words of each line that names a component or a clause."""
    return [line.partition(" (")[0] for line in text.splitlines() if line and not line.startswith(" ")]


# --- what it says -----------------------------------------------------------------------------------------------------


def test_a_component_that_keeps_its_contract(registry: Registry, capsys: Captured) -> None:
    assert check("bold") == 0
    said = capsys.readouterr().out
    assert said.startswith("sampler bold (samplers 0)\n  ok         described\n")
    assert "  ok         reproducible\n" in said
    assert said.splitlines()[-1].endswith(" ok, 0 broken, 0 not tried")


def test_a_broken_clause_is_named_and_explained(registry: Registry, capsys: Captured) -> None:
    assert check("shy") == 1
    said = capsys.readouterr().out
    assert "\n  broken     describe\n      the sampler 'shy' breaks the contract.\n        clause describe: " in said
    assert re.search(r"^        found: .*shyness.*inf", said, re.MULTILINE)
    assert said.splitlines()[-1].endswith(" ok, 1 broken, 0 not tried")


def test_json_holds_the_same_whatever_a_component_prints(registry: Registry, capsys: Captured) -> None:
    assert check("samplers", "--json") == 1
    said = capsys.readouterr()
    assert "let me see" in said.err
    result = json.loads(said.out)
    assert (result["broken"], result["not_tried"]) == (1, 0)
    bold, shy = result["checked"]
    assert (shy["kind"], shy["name"], shy["plugin"], shy["version"]) == ("sampler", "shy", "samplers", "0")
    assert {clause["outcome"] for clause in bold["clauses"]} == {"ok"}
    (broken,) = [clause for clause in shy["clauses"] if clause["outcome"] == "broken"]
    assert broken["clause"] == "describe"
    assert broken["says"].startswith("`describe` gives finite numbers")
    assert "shyness" in broken["found"]


def test_what_could_not_be_tried_says_why(capsys: Captured) -> None:
    from nlu_kit.cli.output import shown
    from nlu_kit.cli.plugins_check import NOT_TRIED, Tried, _line

    tried = Tried(clause="resumes", says="It resumes.", outcome=NOT_TRIED, found="it names no resume points")
    assert click.unstyle(shown(_line(tried))) == "  not tried  resumes: it names no resume points"


# --- what a name means ------------------------------------------------------------------------------------------------


def test_a_name_of_several_kinds_means_all_of_them_and_kind_one(capsys: Captured) -> None:
    assert check("weighted") == 0
    assert lines(capsys.readouterr().out)[:2] == ["balancing weighted", "sampler weighted"]
    assert check("weighted", "--kind", "sampler") == 0
    assert lines(capsys.readouterr().out)[:1] == ["sampler weighted"]


@pytest.mark.parametrize("name", ["nlu-kit-loud", "NLU_Kit.loud", "shout"])
def test_a_distribution_or_a_command_by_its_name(name: str, registry: Registry, capsys: Captured) -> None:
    assert check(name) == 0
    said = capsys.readouterr().out
    assert said == "command shout (nlu-kit-loud 0)\n  ok         answers-help\n\nclauses: 1 ok, 0 broken, 0 not tried\n"


def test_a_command_that_does_not_answer_help(registry: Registry, capsys: Captured) -> None:
    assert check("speechless") == 1
    said = capsys.readouterr().out
    assert "  broken     answers-help\n      the command 'mumble' breaks the contract.\n" in said
    assert "found: it raised LookupError: no words" in said


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (["blod"], "did you mean 'bold'? installed plugins: nlu-kit-loud, samplers, speechless; distributions: "),
        (["bold", "--kind", "head"], "no head is called so, nor a plugin or distribution that has one"),
        (["bold", "--kind", "samlper"], "unknown kind 'samlper': did you mean 'sampler'? kinds: backbone, "),
    ],
)
def test_a_name_that_nothing_has(arguments: list[str], wanted: str, registry: Registry, capsys: Captured) -> None:
    assert check(*arguments) == 2
    said = capsys.readouterr()
    assert wanted in said.err
    assert said.out == ""


def test_a_plugin_that_failed_to_load_says_why(registry: Registry, capsys: Captured) -> None:
    registry.failures.append(Failure(plugin="gone", distribution="nlu-kit-gone", version="2", error="ImportError: x"))
    for name in ("gone", "nlu_kit_gone"):
        assert check(name) == 2
        assert "nothing of it can be checked: ImportError: x" in capsys.readouterr().err


def test_a_plugin_that_is_switched_off(registry: Registry, capsys: Captured) -> None:
    registry.disabled.append("quiet")
    assert check("quiet") == 2
    assert "is switched off by NLU_KIT_DISABLE_PLUGINS" in capsys.readouterr().err


# --- parameters -------------------------------------------------------------------------------------------------------


def test_parameters_are_used(capsys: Captured) -> None:
    assert check("weighted", "--kind", "sampler", "--params", '{"strength": 5}', "--json") == 0
    assert json.loads(capsys.readouterr().out)["not_tried"] == 0


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (["weighted", "--params", "{}"], "for one component, and the name means: balancing weighted, sampler weighted"),
        (["bucketed", "--params", "{"], "--params is not JSON"),
        (["bucketed", "--params", "[]"], "must be a JSON object of parameters, got []"),
        (["bucketed", "--params", '{"pool_batches": 0}'], "\n  - pool_batches: Input should be greater than or equal"),
        (["bucketed", "--params", '{"pool": 2}'], "nlu-kit plugins show sampler bucketed explains them"),
    ],
)
def test_parameters_that_are_wrong(arguments: list[str], wanted: str, capsys: Captured) -> None:
    assert check(*arguments) == 2
    said = capsys.readouterr()
    assert wanted in said.err
    assert said.out == ""


# --- around it --------------------------------------------------------------------------------------------------------


def test_list_shows_commands(registry: Registry, capsys: Captured) -> None:
    assert main(["plugins", "list"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert "    shout   Say it louder.  [nlu-kit-loud 0]" in said[said.index("command") :]
    assert "contract 2" in said[-1]
    assert main(["plugins", "list", "--json"]) == 0
    (shout, _) = json.loads(capsys.readouterr().out)["commands"]
    assert (shout["name"], shout["summary"], shout["plugin"]) == ("shout", "Say it louder.", "nlu-kit-loud")


def test_writing_a_plugin_and_asking_for_help_load_no_torch(tmp_path: Path) -> None:
    script = (
        "import sys\nfrom nlu_kit.cli.main import main\n"
        "main(['plugins', 'new', 'head', 'mine'])\nmain(['plugins', 'check', '--help'])\n"
        "print('LOADED', sorted({'torch', 'transformers'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout.splitlines()[-1] == "LOADED []"
    assert (tmp_path / "nlu-kit-mine" / "pyproject.toml").is_file()
