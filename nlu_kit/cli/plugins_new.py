"""``nlu-kit plugins new``: a plugin that works, to begin with."""

from __future__ import annotations

import json
import keyword
import os
import re
import shlex
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from string import Template
from typing import Any

import click

from nlu_kit import __version__
from nlu_kit.cli.options import load_registry
from nlu_kit.cli.output import say
from nlu_kit.cli.writing import write_together
from nlu_kit.errors import NluKitError, PluginError, did_you_mean
from nlu_kit.plugin.hooks import KINDS, PROJECT
from nlu_kit.plugin.specs import CONTRACT
from nlu_kit.registry import Registry

COMMAND = "command"
"""What a plugin can bring besides the kinds of component."""
NEW = (*KINDS, COMMAND)

PREFIX = "nlu-kit-"
LONGEST = 32
"""With a longer name the lines of the generated code would no longer fit."""

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
# A new head fills a field of its own name; these have a meaning already.
_FIELDS = {"text", "truncated", "intent", "intents", "entities", "out_of_scope", "out_of_scope_score"}


@click.command("new", short_help="Write a working plugin: one component, its tests, all around it.")
@click.argument("kind")
@click.argument("name")
@click.option(
    "--directory", type=click.Path(path_type=Path), metavar="DIR",
    help="The folder to write into: new, or empty. By default a new one here, named like the distribution.",
)  # fmt: skip
def new(kind: str, name: str, directory: Path | None) -> None:
    """Write a distribution with one working component of KIND, called NAME (such as my-sentiment), or with one command.

    \b
    Kinds: backbone, head, loss, balancing, sampler, freezing, detector, reader,
    callback, objective, command.

    It comes with tests, type hints, a pipeline.json to try it with, and a workflow that tests it.

    \b
    Example:
      nlu-kit plugins new head my-sentiment
    """
    if kind not in NEW:
        raise PluginError(f"unknown kind '{kind}': {did_you_mean(kind, NEW)}kinds: {', '.join(NEW)}")
    names = plugin_name(kind, name, load_registry())
    folder = Path(names.distribution) if directory is None else directory
    _check_free(folder)
    contents = plugin_files(kind, names)
    write_together(folder, contents)
    for file in contents:
        say(f"wrote {folder / file}")
    steps = ['pip install -e ".[dev]"', "nlu-kit plugins list", "pytest"]
    if folder.resolve() != Path.cwd():
        steps.insert(0, f"cd {shlex.quote(str(folder))}")
    say("next:")
    for step in steps:
        say(f"  {step}")


def _check_free(folder: Path) -> None:
    """Nothing is there yet, or an empty folder."""
    if not os.path.lexists(folder):
        return
    if not folder.is_dir():
        raise NluKitError(f"{folder} is in the way: it is not a folder; move it, or name another one with --directory")
    if any(folder.iterdir()):
        raise NluKitError(
            f"nothing written, because the folder {folder} is not empty; move it, or name another with --directory"
        )


# --- the names --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginName:
    """What ``my-sentiment`` makes: ``nlu-kit-my-sentiment``, ``nlu_kit_my_sentiment``, ``my_sentiment``,
    ``my-sentiment`` and ``MySentiment``."""

    distribution: str
    package: str
    component: str
    command: str
    camel: str


def plugin_name(kind: str, name: str, registry: Registry) -> PluginName:
    """The names for a new plugin of ``kind``. Raises PluginError for one that can't be used, or is taken."""
    short = re.sub(r"[-_.]+", "-", name).lower().removeprefix(PREFIX)
    if not _NAME.fullmatch(short) or len(short) > LONGEST:
        raise PluginError(
            f"'{name}' can't name a plugin: letters, digits and '-' between them, a letter first, at most {LONGEST} "
            "characters; such as my-sentiment"
        )
    component = short.replace("-", "_")
    found = PluginName(
        distribution=PREFIX + short,
        package=f"{PROJECT}_{component}",
        component=component,
        command=short,
        camel="".join(part.capitalize() for part in short.split("-")),
    )
    if why := _reserved(kind, component) or _taken(kind, found, registry):
        raise PluginError(f"'{name}' can't name a new {kind}: {why}; take another name, such as my-{short}")
    return found


def _reserved(kind: str, component: str) -> str:
    """Why Python, or nlu-kit, keeps this name to itself; empty where it does not."""
    if keyword.iskeyword(component):
        return f"'{component}' is a keyword of Python"
    if component in sys.stdlib_module_names:
        return f"'{component}' is a module of Python's standard library"
    if kind == "head" and component in _FIELDS:
        return f"'{component}' is a field that examples and predictions have already"
    return ""


def _taken(kind: str, name: PluginName, registry: Registry) -> str:
    """Who has one of these names already; empty where nobody does."""
    if kind == COMMAND:
        from nlu_kit.cli.main import cli

        if name.command in cli.list_commands(click.Context(cli)):
            return f"there is a command 'nlu-kit {name.command}' already"
    elif (provided := registry.find(kind, name.component)) is not None:
        return f"{provided.distribution} {provided.version} has a {kind} '{name.component}' already"
    for point in entry_points(group=PROJECT):
        if point.name == name.component:
            owner = f" of {point.dist.name} {point.dist.version}" if point.dist else ""
            return f"there is a plugin '{point.name}'{owner} already"
    return f"a package '{name.package}' is installed already" if find_spec(name.package) else ""


# --- the files --------------------------------------------------------------------------------------------------------

TEMPLATES = Path(__file__).parent / "templates"
_SUFFIX = ".tmpl"  # keeps linters, type checkers and pytest away from what is no Python yet
_PACKAGE = "PACKAGE"  # stands for the package's name in paths


def plugin_files(kind: str, name: PluginName) -> dict[Path, bytes]:
    """Every file of a new distribution, by its path in it: the skeleton, with the kind's own files over it."""
    values = {**asdict(name), "kind": kind, "version": __version__, "contract": str(CONTRACT)}
    about = _substituted(json.loads((TEMPLATES / "kinds.json").read_text(encoding="utf-8"))[kind], values)
    values |= {
        "summary": about["summary"],
        "name": f"nlu-kit {name.command}" if kind == COMMAND else name.component,
        "use": _use(about, name),
        "files": "\n".join(f"- {line}" for line in _file_lines(about)),
        "contract_note": _contract_note(kind, name),
    }
    texts = _templates(TEMPLATES / "skeleton") | _templates(TEMPLATES / kind)
    if kind == COMMAND:  # which has no clauses to parametrise a test with
        del texts["tests/test_contract.py"]
    if any(path.endswith((".csv", ".txt")) for path in texts):  # it brings data in a format of its own
        texts = {path: text for path, text in texts.items() if not path.endswith(".jsonl")}
    filled = {path: Template(text).substitute(values) for path, text in texts.items()}
    if about["pipeline"]:
        filled["pipeline.json"] = json.dumps(_pipeline(about["pipeline"], name), indent=2) + "\n"
    if "pretrain" in about:
        filled["pretrain.json"] = json.dumps(about["pretrain"], indent=2) + "\n"
    return {Path(path.replace(_PACKAGE, name.package)): text.encode() for path, text in sorted(filled.items())}


def _templates(folder: Path) -> dict[str, str]:
    """The text of every template below ``folder``, by its path without the suffix."""
    return {
        file.relative_to(folder).as_posix().removesuffix(_SUFFIX): file.read_text(encoding="utf-8")
        for file in sorted(folder.rglob(f"*{_SUFFIX}"))
    }


def _substituted(value: Any, values: Mapping[str, str]) -> Any:
    """The same JSON, every placeholder in its texts filled in."""
    if isinstance(value, str):
        return Template(value).substitute(values)
    if isinstance(value, dict):
        return {key: _substituted(each, values) for key, each in value.items()}
    return [_substituted(each, values) for each in value] if isinstance(value, list) else value


def _pipeline(sections: Mapping[str, Any], name: PluginName) -> dict[str, Any]:
    return {
        "name": name.component,
        "data": {"train": "data/train.jsonl", "dev": "data/dev.jsonl"},
        **sections,
        "training": sections.get("training", {"epochs": 10, "batch_size": 4}),
    }


def _use(about: Mapping[str, Any], name: PluginName) -> str:
    if "pretrain" in about:
        section = json.dumps(about["pretrain"], indent=2)
        return f"In `pretrain.json`:\n\n```json\n{section}\n```\n\n```sh\nnlu-kit pretrain pretrain.json\n```"
    if not about["pipeline"]:
        return f"```sh\nnlu-kit {name.command} data/train.jsonl --least 3\n```\n\n{about['note']}"
    section = json.dumps(about["pipeline"], indent=2)
    parts = [f"In `pipeline.json`:\n\n```json\n{section}\n```", about["note"], "The pipeline in this folder uses it:"]
    parts.append(f'```sh\nnlu-kit train pipeline.json\nnlu-kit predict "{about["text"]}"\n```')
    return "\n\n".join(part for part in parts if part)


def _file_lines(about: Mapping[str, Any]) -> list[str]:
    files = ["`pretrain.json`" if "pretrain" in about else "`pipeline.json`" if about["pipeline"] else "", "`data/`"]
    return [*about["files"], f"{', '.join(filter(None, files))}: something to try it with."]


def _contract_note(kind: str, name: PluginName) -> str:
    if kind == COMMAND:
        return f"The first command makes sure that `nlu-kit {name.command} --help` answers."
    return (
        f"The first command and `tests/test_contract.py` try every clause of the contract for a {kind}. A clause that\n"
        "fails says what it asks for, and what was found."
    )
