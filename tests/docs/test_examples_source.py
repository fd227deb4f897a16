"""What the example plugins are made of: the contracts, nothing behind them, and data that their scripts make."""

from __future__ import annotations

import ast
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    tomllib = pytest.importorskip("tomli")

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
PROJECTS = sorted(file.parent for file in EXAMPLES.glob("*/pyproject.toml"))
# A command has no context that would hand it the registry, so it asks for it.
ALLOWED = {"nlu_kit.plugin", "nlu_kit.registry"}

of_each = pytest.mark.parametrize("project", PROJECTS, ids=lambda project: project.name)


def package(project: Path) -> Path:
    return project / project.name.replace("-", "_")


def imports(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert not node.level, f"{file} imports relatively; its neighbours don't"
            yield node.module or ""
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def test_there_are_three() -> None:
    assert [project.name for project in PROJECTS] == ["nlu-kit-csv", "nlu-kit-relations", "nlu-kit-sentiment"]


@of_each
def test_only_contracts_are_imported(project: Path) -> None:
    for file in package(project).glob("*.py"):
        for module in imports(file):
            name = module.split(".")[0]
            if name == "nlu_kit":
                assert module in ALLOWED, f"{file.name} imports {module}"
            elif name.startswith("nlu_kit_"):
                assert name == package(project).name, f"{file.name} imports another plugin"


@of_each
def test_a_project_is_whole(project: Path) -> None:
    described = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))
    assert described["project"]["name"] == project.name
    assert list(described["project"]["entry-points"]["nlu_kit"].values()) == [package(project).name]
    assert (package(project) / "py.typed").exists()
    assert "NLU_KIT_CONTRACT = 2" in (package(project) / "__init__.py").read_text(encoding="utf-8")
    assert (project / "pipeline.json").exists()


@of_each
def test_the_readme_names_every_file(project: Path) -> None:
    text = (project / "README.md").read_text(encoding="utf-8")
    assert [file.name for file in package(project).glob("*.py") if f"`{file.name}`" not in text] == []


@of_each
def test_the_data_are_what_the_script_makes(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = importlib.util.spec_from_file_location("make_data", project / "make_data.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "__file__", str(tmp_path / "make_data.py"))
    module.main()
    made = {file.name: file.read_bytes() for file in (tmp_path / "data").iterdir()}
    assert made == {file.name: file.read_bytes() for file in (project / "data").iterdir()}
