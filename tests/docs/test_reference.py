"""The generated reference covers everything there is."""

from __future__ import annotations

import inspect
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Annotated

import click
import pytest
from nlu_kit_reference import PAGES, cli, configuration, hooks, write_reference
from pydantic import Field

from nlu_kit.config.schema import DataConfig, PipelineConfig, TrainingConfig
from nlu_kit.params import Component, Nested, Params
from nlu_kit.plugin.hooks import KINDS, NluKitSpecs, hookimpl
from nlu_kit.plugin.specs import SamplerSpec
from nlu_kit.registry import Registry

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def registry() -> Registry:
    return Registry.load()


def sections(page: str) -> dict[str, str]:
    """Heading line -> the text below it, up to the next heading of any level."""
    found: dict[str, str] = {}
    heading = ""
    for line in page.splitlines():
        if line.startswith("#"):
            heading = line.lstrip("# ")
            assert heading not in found, f"two sections are called {heading}"
            found[heading] = ""
        elif heading:
            found[heading] += line + "\n"
    return found


def test_every_component_and_parameter_is_explained(registry: Registry) -> None:
    found = sections(configuration.page(registry))
    components = [provided.spec for kind in KINDS for provided in registry.all(kind)]
    assert len(components) >= 15  # what the project bundles; an empty registry must not pass
    for spec in components:
        section = found[f"{spec.kind} `{spec.name}`"]
        assert spec.summary in section
        for name, field in spec.params.model_fields.items():
            row = next(line for line in section.splitlines() if line.startswith(f"| `{field.alias or name}` |"))
            assert field.description, f"{spec.kind} {spec.name}: '{name}' has no description"
            assert " ".join(field.description.split())[:40].replace("|", "\\|") in row


def test_every_key_of_the_frame_is_explained(registry: Registry) -> None:
    found = sections(configuration.page(registry))
    for heading, model in (("The frame", PipelineConfig), ("`data`", DataConfig), ("`training`", TrainingConfig)):
        for name, field in model.model_fields.items():
            assert f"| `{field.alias or name}` |" in found[heading]
            assert field.description


def test_every_hook_has_a_section_with_its_docstring_and_spec(registry: Registry) -> None:
    page = hooks.page(registry)
    found = sections(page)
    names = [name for name in vars(NluKitSpecs) if name.startswith("nlu_kit_")]
    assert len(names) == len(KINDS) + 1  # and the one that adds commands
    for name in names:
        text, _, example = inspect.getdoc(getattr(NluKitSpecs, name)).partition("Example::")  # type: ignore[union-attr]
        assert text.strip() in found[f"`{name}`"]
        assert f"def {name}(" in example
        assert textwrap.dedent(example).strip() in found[f"`{name}`"]
    for _, spec_class in KINDS.values():
        assert f"### `{spec_class.__name__}`" in page
    for contract in ("Backbone", "Head", "Codec", "Loss", "Balancing", "Sampler", "Freezing", "Callback"):
        assert f"class {contract}(" in page


def test_every_command_shows_its_real_help(registry: Registry) -> None:
    found = sections(cli.page(registry))
    for command in ("init", "config check", "config schema", "train", "predict", "plugins list", "plugins show"):
        assert f"Usage: nlu-kit {command}" in found[f"`nlu-kit {command}`"]
    for context in cli.contexts():
        for parameter in context.command.params:
            if isinstance(parameter, click.Option) and not parameter.hidden:
                assert parameter.opts[0] in found[f"`{context.command_path}`"]


def test_a_page_that_does_not_change_is_not_written_again(registry: Registry, tmp_path: Path) -> None:
    first = {file: file.stat().st_mtime_ns for file in write_reference(tmp_path, registry)}
    assert {file.name for file in first} == set(PAGES)
    assert {file: file.stat().st_mtime_ns for file in write_reference(tmp_path, registry)} == first


def test_a_strangers_component_is_in_the_page() -> None:
    class OddParams(Params):
        """Every shape of parameter that a table cell must survive."""

        pipes: str = Field(default="a|b", description="with | a pipe")
        many: Annotated[list[Component], Nested("sampler")] = Field(default=[], description="several samplers")
        share: float | None = Field(default=None, ge=0, lt=1, description="a share")

    class Plugin:
        NLU_KIT_CONTRACT = 2

        @hookimpl
        def nlu_kit_samplers(self) -> list[SamplerSpec[OddParams]]:
            build = lambda params, context: pytest.fail("a reference page builds nothing")  # noqa: E731
            return [SamplerSpec(name="odd", summary="Odd.", params=OddParams, build=build)]

    section = sections(configuration.page(Registry.of({"odd": Plugin()})))["sampler `odd`"]
    assert '| `pipes` | text | `"a\\|b"` | with \\| a pipe |' in section
    assert "| `many` | list of {ref}`sampler <reference-sampler>` | `[]` | several samplers |" in section
    assert "| `share` | number >= 0 and < 1 or null | `null` | a share |" in section


def test_generating_what_lists_no_torch_checks_imports_no_torch() -> None:
    """Only the page of contracts needs it: half of the checks that it lists are of torch components."""
    program = (
        "import sys; sys.path.insert(0, 'docs/_ext')\n"
        "from nlu_kit.registry import Registry\n"
        "from nlu_kit_reference import PAGES\n"
        "registry = Registry.load()\n"
        "for name, render in PAGES.items(): name == 'contracts.md' or render(registry)\n"
        "heavy = {'torch', 'transformers', 'sentence_transformers'} & set(sys.modules)\n"
        "sys.exit(f'imported: {heavy}' if heavy else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
