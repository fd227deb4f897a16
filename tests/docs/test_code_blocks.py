"""What README and docs tell people to write works: pipelines validate, data reads, commands exist, Python compiles."""

from __future__ import annotations

import json
import re
import shlex
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, NamedTuple

import click
import pytest

from nlu_kit.cli.main import cli
from nlu_kit.config.check import resolve
from nlu_kit.config.pretraining import load_pretraining
from nlu_kit.config.schema import PipelineConfig
from nlu_kit.registry import Registry
from nlu_kit_objectives.pairs import PairFile

ROOT = Path(__file__).parents[2]
TUTORIAL = ROOT / "docs" / "writing-plugins.md"  # test_tutorial.py runs all of it
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted({*(ROOT / "docs").glob("*.md")} - {TUTORIAL})]
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`(nlu-kit [^`]+|make \w+)`")


class Block(NamedTuple):
    page: str
    language: str
    text: str


BLOCKS = [
    Block(page.name, match[1], match[2]) for page in PAGES for match in FENCE.finditer(page.read_text(encoding="utf-8"))
]


def of(language: str) -> Any:
    """Parametrize over all blocks of a language."""
    blocks = [block for block in BLOCKS if block.language == language]
    names = [f"{block.page}-{number}" for number, block in enumerate(blocks)]
    return pytest.mark.parametrize("block", blocks, ids=names)


def command_lines() -> list[tuple[str, str]]:
    """(page, command) of shell blocks and of code spans."""
    found = [(b.page, line) for b in BLOCKS if b.language == "sh" for line in b.text.splitlines() if line.strip()]
    for page in PAGES:
        prose = FENCE.sub("", page.read_text(encoding="utf-8"))
        found += [(page.name, " ".join(match[1].split())) for match in INLINE.finditer(prose)]
    return found


@pytest.fixture(scope="module")
def registry() -> Registry:
    return Registry.of({point.name: point.load() for point in entry_points(group="nlu_kit")})


@of("json")
def test_pipelines_validate(block: Block, registry: Registry, tmp_path: Path) -> None:
    """A block is a whole pipeline or some of its keys, or a whole pretrain.json."""
    raw = json.loads(block.text)
    if "objectives" in raw:
        (tmp_path / "pretrain.json").write_text(block.text, encoding="utf-8")
        load_pretraining(tmp_path, registry=registry)
        return
    assert set(raw) <= {field.alias or name for name, field in PipelineConfig.model_fields.items()}
    resolve({"data": {"train": "train.jsonl"}, **raw}, base_dir=tmp_path, registry=registry, source=block.page)


@of("jsonl")
def test_data_reads(block: Block, registry: Registry, tmp_path: Path) -> None:
    file = tmp_path / "data.jsonl"
    file.write_text(block.text, encoding="utf-8")
    if '"text"' not in block.text:  # pairs of sentences
        assert len(list(PairFile(file, highest_score=5.0).pairs())) == len(block.text.splitlines())
        return
    spec: Any = registry.get("reader", "jsonl").spec
    examples = list(spec.read(spec.params(), file))
    assert len(examples) == len(block.text.splitlines())


@of("python")
def test_python_compiles_and_its_imports_exist(block: Block) -> None:
    compile(block.text, block.page, "exec")
    for module, names in re.findall(r"^ *from (nlu_kit\S*) import (.+)$", block.text, re.MULTILINE):
        for name in names.split(", "):
            assert hasattr(import_module(module), name), f"{block.page}: {module} has no {name}"


@pytest.mark.parametrize(("page", "line"), command_lines())
def test_commands_and_their_options_exist(page: str, line: str) -> None:
    words = shlex.split(line, comments=True)
    if words[0] == "make":
        assert re.search(rf"^{words[1]}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    elif words[0] == "nlu-kit":
        follow(words[1:])
    elif "nlu_kit" in words:  # python -m nlu_kit, torchrun … -m nlu_kit
        follow(words[words.index("nlu_kit") + 1 :])
    else:
        assert words[0] in ("python", "cd", "curl"), f"{page}: what runs here? {line}"


def follow(words: list[str]) -> None:
    """Walk the words of a command line through the real commands; any word that leads nowhere fails."""
    command: click.Command = cli
    context = click.Context(cli, info_name="nlu-kit")
    rest = iter(words)
    for word in rest:
        if word in (">", "|", "&&"):
            return
        if word.startswith("-") and word != "-":
            options = {name: option for option in command.get_params(context) for name in option.opts}
            assert word in options, f"'{command.name}' has no option {word}; it has {', '.join(options)}"
            option = options[word]
            if isinstance(option, click.Option) and not option.is_flag and not option.count:
                value = next(rest, None)
                assert value is not None or option._flag_needs_value, f"{word} needs a value"
        elif isinstance(command, click.Group):
            found = command.get_command(context, word)
            assert found is not None, f"'{command.name}' has no command {word}"
            command, context = found, click.Context(found, info_name=word, parent=context)


def test_a_stale_command_would_be_noticed() -> None:
    with pytest.raises(AssertionError, match="has no command"):
        follow(["config", "chekc"])
    with pytest.raises(AssertionError, match="has no option"):
        follow(["config", "check", "--no-such-option"])
