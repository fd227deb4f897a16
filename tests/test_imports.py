"""The house rules on imports, held by the source and by what a real process has loaded."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    tomllib = pytest.importorskip("tomli")

ROOT = Path(__file__).resolve().parents[1]
CORE = ROOT / "nlu_kit"
PLUGINS = ROOT / "plugins"
HEAVY = ("torch", "transformers", "sentence_transformers", "accelerate")

# Room -> its floor. A room imports from itself and from lower floors only.
FLOORS = {
    "errors": 0,
    "arguments": 0,
    "files": 0,
    "locking": 0,
    "stdout": 0,
    "memory": 0,
    "params": 0,
    "process": 0,
    "assets": 1,
    "extras": 1,
    "data": 2,
    "metrics": 2,
    "heads": 3,
    "plugin": 4,
    "registry": 5,
    "config": 6,
    "report": 6,
    "model": 7,
    "corpus": 8,
    "runtime": 9,
    "client": 3,
    "serve": 10,
    "training": 10,
    "pretraining": 11,
    "testing": 11,
    "experiments": 11,
    "evaluation": 12,
    "comparison": 12,
    "cli": 13,
}
NEIGHBOURS = {("data", "metrics"), ("metrics", "data")}
TOP = {"nlu_kit", "__main__"}  # the doors: they may lead anywhere, and only the version is taken from them
PUBLIC = re.compile(r"nlu_kit\.(plugin|heads(\.\w+)?)")


def modules(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.py"))


def imports(file: Path) -> Iterator[tuple[str, int]]:
    """(module, line) of every import, also inside functions and for type checkers only."""
    package = ".".join(file.relative_to(ROOT).with_suffix("").parts[:-1])
    waiting: list[ast.AST] = [ast.parse(file.read_text(encoding="utf-8"))]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                base = ".".join([*package.split(".")[: len(package.split(".")) - node.level + 1], base]).rstrip(".")
            # `from nlu_kit.plugin import events` imports a module, `from nlu_kit.plugin import Params` does not
            for alias in node.names:
                inner = ROOT.joinpath(*base.split("."), alias.name)
                is_module = inner.with_suffix(".py").exists() or (inner / "__init__.py").exists()
                yield (f"{base}.{alias.name}" if is_module else base), node.lineno
        else:
            waiting += ast.iter_child_nodes(node)


def room(module: str) -> str:
    """``nlu_kit.config.check`` is in the room ``config``."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else parts[0]


def test_the_reader_of_imports_reads_them(tmp_path: Path) -> None:
    found = {name for name, _ in imports(CORE / "registry.py")}
    assert {"nlu_kit.errors", "nlu_kit.plugin.specs", "pluggy", "click"} <= found
    assert "nlu_kit.heads.codec" in {name for name, _ in imports(CORE / "plugin" / "specs.py")}, "for types, too"
    assert "nlu_kit.plugin.events" in {name for name, _ in imports(CORE / "training" / "listeners.py")}


@pytest.mark.parametrize("file", modules(CORE), ids=lambda file: str(file.relative_to(ROOT)))
def test_imports_go_one_way(file: Path) -> None:
    here = room(".".join(file.relative_to(ROOT).with_suffix("").parts))
    if here in TOP or file == CORE / "__init__.py":
        return
    assert here in FLOORS, f"give the room '{here}' its floor"
    wrong = []
    for module, line in imports(file):
        if not module.startswith("nlu_kit."):
            continue
        there = room(module)
        allowed = there == here or FLOORS[there] < FLOORS[here] or (here, there) in NEIGHBOURS
        if not allowed:
            wrong.append(f"line {line}: {here} may not import {module}")
    assert wrong == []


@pytest.mark.parametrize("file", modules(CORE), ids=lambda file: str(file.relative_to(ROOT)))
def test_the_core_imports_no_plugin(file: Path) -> None:
    assert [module for module, _ in imports(file) if module.startswith("nlu_kit_")] == []


@pytest.mark.parametrize("file", modules(PLUGINS), ids=lambda file: str(file.relative_to(PLUGINS)))
def test_plugins_import_the_public_rooms_only_and_never_each_other(file: Path) -> None:
    own = file.relative_to(PLUGINS).parts[0]
    wrong = []
    for module, line in imports(file):
        package = module.split(".")[0]
        if package == "nlu_kit" and not PUBLIC.fullmatch(module):
            wrong.append(f"line {line}: {module} is no public contract")
        if package.startswith("nlu_kit_") and package != own:
            wrong.append(f"line {line}: {module} is another plugin")
    assert wrong == []


@pytest.mark.parametrize(
    "statement",
    [
        "import nlu_kit",
        "from nlu_kit.cli.main import main; main(['--help'])",
        "from nlu_kit.cli.main import main; main(['plugins', 'list'])",
        "from nlu_kit.cli.main import main; main(['plugins', 'show', 'head', 'ner'])",
        "from nlu_kit.cli.main import main; main(['config', 'check'])",
        "from nlu_kit.cli.main import main; main(['config', 'schema'])",
        "from nlu_kit.cli.main import main; main(['train', '--help'])",
        "from nlu_kit.cli.main import main; main(['predict', '--help'])",
        "from nlu_kit.cli.main import main; main(['compare', '--help'])",
        "from nlu_kit.cli.main import main; main(['evaluate', '--help'])",
        "from nlu_kit.cli.main import main; main(['diff', '--help'])",
        "import nlu_kit.evaluation.summary, nlu_kit.evaluation.evaluation_page",
        "import nlu_kit.evaluation.diff, nlu_kit.evaluation.cross_validation",
        "import nlu_kit.experiments.plan, nlu_kit.experiments.runner, nlu_kit.comparison.comparison",
    ],
)
def test_what_must_be_light_is(statement: str) -> None:
    script = f"{statement}\nimport sys\nprint('LOADED', sorted(set({HEAVY!r}) & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "LOADED []"
    assert "error" not in done.stderr


def test_help_imports_no_command() -> None:
    script = (
        "from nlu_kit.cli.main import main; main(['--help'])\nimport sys\n"
        "print('LOADED', sorted(name for name in sys.modules if name.startswith('nlu_kit.cli.') or name == 'numpy'))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    loaded = [f"nlu_kit.cli.{name}" for name in ("lazy", "main", "output")]
    assert done.stdout.splitlines()[-1] == f"LOADED {loaded}"


def test_what_is_in_plugins_is_what_is_packaged_and_registered() -> None:
    """A plugin that is missing from one of the three works here and not where it is installed."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    folders = {folder.name for folder in PLUGINS.iterdir() if (folder / "__init__.py").exists()}
    points = project["project"]["entry-points"]["nlu_kit"]
    packages = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert set(points.values()) == folders
    assert set(packages) == {"nlu_kit", *(f"plugins/{name}" for name in folders)}
    assert {f"nlu_kit_{name}" for name in points} == folders, (
        "an entry point is called as its package, without nlu_kit_"
    )
    assert set(project["tool"]["mypy"]["packages"]) == {"nlu_kit", *folders}
    assert all((PLUGINS / name / "py.typed").exists() for name in folders)
