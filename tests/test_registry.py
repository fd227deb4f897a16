"""Plugins that are broken, clash or break the contract: each gives its own clear error, and the others load.

The distributions are real ones (a package and its dist-info on PYTHONPATH), seen by a real process.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nlu_kit.errors import PluginError
from nlu_kit.params import Params
from nlu_kit.plugin.hooks import hookimpl
from nlu_kit.plugin.specs import CONTRACT, SamplerSpec
from nlu_kit.registry import Registry

SAMPLER = """
from nlu_kit.plugin import hookimpl
from nlu_kit.plugin import CONTRACT, Params, SamplerSpec

NLU_KIT_CONTRACT = CONTRACT

class P(Params):
    pass

@hookimpl
def nlu_kit_samplers():
    return [SamplerSpec(name={name!r}, summary="A stranger's.", params=P, build=None)]
"""

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def install(tmp_path: Path) -> Callable[[str, str], None]:
    """``install(name, source)``: the distribution acme-<name> 1.5, with one plugin called <name>."""

    def write(name: str, source: str) -> None:
        package = tmp_path / f"acme_{name}"
        package.mkdir()
        (package / "__init__.py").write_text(source, encoding="utf-8")
        info = tmp_path / f"acme_{name}-1.5.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: acme-{name}\nVersion: 1.5\n", encoding="utf-8")
        (info / "entry_points.txt").write_text(f"[nlu_kit]\n{name} = acme_{name}\n", encoding="utf-8")

    return write


@pytest.fixture
def nlu_kit(tmp_path: Path, run_cli: Run) -> Run:
    """Run the command line with the installed strangers; no traceback may ever show."""

    def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        done = run_cli(tmp_path, *arguments, PYTHONPATH=str(tmp_path), **variables)
        assert "Traceback" not in done.stderr
        return done

    return run


def test_a_stranger_is_listed_with_its_distribution(install: Any, nlu_kit: Run) -> None:
    install("mine", SAMPLER.format(name="mine"))
    done = nlu_kit("plugins", "list")
    assert done.returncode == 0, done.stderr
    line = next(line for line in done.stdout.splitlines() if "A stranger's." in line)
    assert line.split()[0] == "mine"
    assert line.endswith("[acme-mine 1.5]")


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("import not_there_at_all", "ModuleNotFoundError: No module named 'not_there_at_all'"),
        ("raise SystemExit('no licence')", "SystemExit: no licence"),
        (SAMPLER.format(name="half") + "    ** nonsense", "SyntaxError"),
        (
            SAMPLER.format(name="half").replace("    return", "    import not_there_at_all\n    return"),
            "ModuleNotFoundError: No module named 'not_there_at_all'",
        ),
    ],
)
def test_a_plugin_that_fails_is_reported_and_the_rest_load(install: Any, nlu_kit: Run, source: str, error: str) -> None:
    install("broken", source)
    install("mine", SAMPLER.format(name="mine"))
    listed = nlu_kit("plugins", "list")
    assert listed.returncode == 2
    assert "A stranger's." in listed.stdout, "the others load"
    assert error in listed.stdout
    assert "acme-broken 1.5" in listed.stdout
    assert "failed to load: broken" in listed.stderr
    shown = nlu_kit("plugins", "show", "sampler", "mine")
    assert shown.returncode == 0
    assert error in shown.stderr
    missing = nlu_kit("plugins", "show", "sampler", "half")
    assert missing.returncode == 2
    assert f"these plugins failed to load: broken ({error}" in missing.stderr


@pytest.mark.parametrize("arguments", [("plugins", "list"), ("config", "schema"), ("plugins", "show", "head", "ner")])
def test_a_name_provided_twice_names_both_distributions(install: Any, nlu_kit: Run, arguments: tuple[str, ...]) -> None:
    install("one", SAMPLER.format(name="same"))
    install("two", SAMPLER.format(name="same"))
    done = nlu_kit(*arguments)
    assert done.returncode == 2
    assert "the sampler 'same' is provided twice" in done.stderr
    assert "acme-one 1.5" in done.stderr
    assert "acme-two 1.5" in done.stderr
    assert nlu_kit(*arguments, NLU_KIT_DISABLE_PLUGINS="two").returncode == 0


def test_a_clash_with_a_bundled_component(install: Any, nlu_kit: Run) -> None:
    install("mine", SAMPLER.format(name="weighted"))
    done = nlu_kit("plugins", "list")
    assert done.returncode == 2
    assert "acme-mine 1.5" in done.stderr
    assert "nlu-kit " in done.stderr


def test_help_answers_through_a_clash_and_a_config_error_does_not_hide_it(install: Any, nlu_kit: Run) -> None:
    install("one", SAMPLER.format(name="same"))
    install("two", SAMPLER.format(name="same"))
    helped = nlu_kit("--help")
    assert helped.returncode == 0
    assert "config" in helped.stdout
    assert "warning" in helped.stderr
    assert "provided twice" in helped.stderr
    unknown = nlu_kit("no-such-command")
    assert unknown.returncode == 2
    assert "provided twice" in unknown.stderr


def test_a_misspelt_hook(install: Any, nlu_kit: Run) -> None:
    install("mine", SAMPLER.format(name="mine").replace("nlu_kit_samplers", "nlu_kit_sampler"))
    done = nlu_kit("plugins", "list")
    assert done.returncode == 2
    assert "acme-mine 1.5" in done.stderr
    assert "'nlu_kit_sampler'; did you mean 'nlu_kit_samplers'?" in done.stderr


def test_plugins_can_be_switched_off(install: Any, nlu_kit: Run) -> None:
    install("mine", SAMPLER.format(name="mine"))
    install("broken", "import not_there_at_all")
    done = nlu_kit("plugins", "list", NLU_KIT_DISABLE_PLUGINS=" mine, broken ,readers")
    assert done.returncode == 0, done.stderr
    assert "A stranger's." not in done.stdout
    assert "reader  (none installed)" in done.stdout
    assert "weighted" in done.stdout


@pytest.mark.parametrize(
    ("allowed", "loads"),
    [("mine", True), (" other, mine ", True), ("", False), ("sampler", False), ("acme-mine", False)],
)
def test_only_what_is_allowed_is_imported(
    install: Any, nlu_kit: Run, tmp_path: Path, allowed: str, loads: bool
) -> None:
    canary = tmp_path / "canary"
    install("mine", f"open({str(canary)!r}, 'w').close()\n" + SAMPLER.format(name="theirs"))
    done = nlu_kit("plugins", "list", NLU_KIT_ALLOW_PLUGINS=allowed)
    assert done.returncode == 0, done.stderr
    assert "weighted" in done.stdout, "nlu-kit's own need no permission"
    assert ("A stranger's." in done.stdout) == loads
    assert canary.exists() == loads
    shown = nlu_kit("plugins", "show", "sampler", "theirs", NLU_KIT_ALLOW_PLUGINS=allowed)
    assert (shown.returncode == 0) == loads
    if not loads:
        assert "installed, but not named in NLU_KIT_ALLOW_PLUGINS: mine" in shown.stderr
        checked = nlu_kit("plugins", "check", "mine", NLU_KIT_ALLOW_PLUGINS=allowed)
        assert checked.returncode == 2
        assert "add it there" in checked.stderr


def test_neither_of_two_plugins_of_one_name_is_imported(install: Any, nlu_kit: Run, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    for name in ("one", "two"):
        install(name, f"open({str(canary)!r}, 'w').close()\n" + SAMPLER.format(name=name))
        (tmp_path / f"acme_{name}-1.5.dist-info" / "entry_points.txt").write_text(f"[nlu_kit]\nsame = acme_{name}\n")
    done = nlu_kit("plugins", "list", NLU_KIT_ALLOW_PLUGINS="same")
    assert done.returncode == 2
    assert "two plugins are called 'same'" in done.stderr
    assert "acme-one 1.5" in done.stderr
    assert "acme-two 1.5" in done.stderr
    assert not canary.exists()


def test_what_no_pipeline_names_is_imported_only_for_its_light_module(
    install: Any, nlu_kit: Run, tmp_path: Path
) -> None:
    canary = tmp_path / "canary"
    light = SAMPLER.format(name="theirs").replace("build=None", 'build=lazy("acme_mine.heavy:Sampler")')
    install("mine", light.replace("Params, ", "Params, lazy, "))
    (tmp_path / "acme_mine" / "heavy.py").write_text(f"open({str(canary)!r}, 'w').close()\n", "utf-8")
    (tmp_path / "train.jsonl").write_text('{"text": "play jazz", "intent": "play"}\n' * 4, "utf-8")
    (tmp_path / "pipeline.json").write_text(
        '{"data": {"train": "train.jsonl"}, "heads": {"intent": "intent"}}', encoding="utf-8"
    )
    for arguments in (
        ("plugins", "list"),
        ("config", "check"),
        ("config", "schema"),
        ("plugins", "show", "sampler", "theirs"),
    ):
        done = nlu_kit(*arguments)
        assert done.returncode == 0, done.stderr
    assert not canary.exists()


# --- contract breaches, without a process ---------------------------------------------------------------------------


class SomeParams(Params):
    pass


def sampler(**changes: Any) -> SamplerSpec[Any]:
    given = {"name": "mine", "summary": "Mine.", "params": SomeParams, "build": print, **changes}
    return SamplerSpec(**given)


def returning(value: Any) -> object:
    class Plugin:
        NLU_KIT_CONTRACT = 2

        @hookimpl
        def nlu_kit_samplers(self) -> Any:
            return value

    return Plugin()


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (sampler(), "must return a list of SamplerSpec objects, got SamplerSpec"),
        (None, "must return a list of SamplerSpec objects, got NoneType"),
        ([SomeParams], "must return SamplerSpec objects, got"),
        ("abc", "must return SamplerSpec objects, got str"),
        ([sampler(name="")], "whose name is '', not a text"),
        ([sampler(params=dict)], "must be a subclass of nlu_kit.plugin.Params"),
        ([sampler(), sampler()], "the sampler 'mine' is provided twice"),
    ],
)
def test_a_hook_that_returns_something_else(value: Any, message: str) -> None:
    with pytest.raises(PluginError, match="plugin 'acme'") as caught:
        Registry.of({"acme": returning(value)})
    assert message in str(caught.value)


def test_a_generator_is_as_good_as_a_list() -> None:
    registry = Registry.of({"acme": returning(sampler(name=name) for name in ("b", "a"))})
    assert [provided.spec.name for provided in registry.all("sampler")] == ["a", "b"]


def test_a_hook_that_asks_for_arguments_it_does_not_get() -> None:
    class Plugin:
        NLU_KIT_CONTRACT = 2

        @hookimpl
        def nlu_kit_samplers(self, batch_size: int) -> list[Any]:
            return []

    with pytest.raises(PluginError, match=r"plugin 'acme' \(acme 0\).*batch_size"):
        Registry.of({"acme": Plugin()})


def test_half_a_plugin_is_not_used() -> None:
    class Plugin:
        NLU_KIT_CONTRACT = 2

        @hookimpl
        def nlu_kit_samplers(self) -> list[Any]:
            return [sampler()]

        @hookimpl
        def nlu_kit_heads(self) -> list[Any]:
            raise RuntimeError("no heads today")

    registry = Registry.of({"acme": Plugin(), "other": returning([sampler(name="other")])})
    assert [provided.spec.name for provided in registry.all("sampler")] == ["other"]
    assert [(failure.plugin, failure.error) for failure in registry.failures] == [
        ("acme", "RuntimeError: no heads today")
    ]


def test_unknown_names_say_what_is_there() -> None:
    registry = Registry.of({"acme": returning([sampler()])})
    with pytest.raises(PluginError, match=r"unknown sampler 'mime': did you mean 'mine'\? installed: mine"):
        registry.get("sampler", "mime")
    with pytest.raises(PluginError, match="no head is installed"):
        registry.get("head", "mine")


def test_the_default_must_be_one() -> None:
    both = [sampler(name=name, default=True) for name in ("one", "two")]
    with pytest.raises(PluginError, match="'one' of acme, 'two' of acme; name one"):
        Registry.of({"acme": returning(both)}).default("sampler")
    assert Registry.of({"acme": returning(both[:1])}).default("sampler").spec.name == "one"


def test_a_plugin_for_another_contract_is_refused_with_what_to_do(install: Any, nlu_kit: Any) -> None:
    install("future", SAMPLER.format(name="tomorrow") + f"\nNLU_KIT_CONTRACT = {CONTRACT + 1}\n")
    install("past", SAMPLER.format(name="yesterday") + f"\nNLU_KIT_CONTRACT = {CONTRACT - 1}\n")
    install("today", SAMPLER.format(name="today") + f"\nNLU_KIT_CONTRACT = {CONTRACT}\n")
    done = nlu_kit("plugins", "list")
    assert done.returncode == 2
    assert "tomorrow" not in done.stdout
    assert "yesterday" not in done.stdout
    assert "today" in done.stdout
    assert f"written for contract {CONTRACT + 1}" in done.stdout
    assert "pip install --upgrade nlu-kit, or switch it off with NLU_KIT_DISABLE_PLUGINS=future" in done.stdout
    assert "pip install --upgrade acme-past" in done.stdout


def test_a_plugin_that_states_no_contract_was_written_for_the_first() -> None:
    class Old:
        pass

    class Newer:
        NLU_KIT_CONTRACT = CONTRACT + 1

    with pytest.raises(
        PluginError, match=f"written for contract 1, and nlu-kit .* has contract {CONTRACT}: pip install"
    ):
        Registry.of({"old": Old()})
    with pytest.raises(PluginError, match="written for contract"):
        Registry.of({"newer": Newer()})


def test_a_module_in_a_functions_place_is_explained() -> None:
    import json

    class Plugin:
        NLU_KIT_CONTRACT = 2

        @hookimpl
        def nlu_kit_samplers(self) -> list[Any]:
            return [SamplerSpec(name="mine", summary="Mine.", params=Params, build=json)]  # type: ignore[arg-type]

    with pytest.raises(PluginError, match="build of the sampler 'mine' is a module, not a function"):
        Registry.of({"mine": Plugin()})
