"""``nlu-kit plugins new``: whatever it writes is clean, installs, and passes its own tests."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from nlu_kit import __version__
from nlu_kit.cli import writing
from nlu_kit.cli.main import main
from nlu_kit.cli.plugins_new import LONGEST, NEW, plugin_name
from nlu_kit.registry import Registry

ROOT = Path(__file__).resolve().parents[2]


def tree(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def run(*command: object, cwd: Path, **variables: str) -> str:
    """What a Python module prints; it must succeed."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("NLU_KIT_", "PYTEST_"))}
    done = subprocess.run(
        [sys.executable, "-m", *map(str, command)],
        cwd=cwd, env={**kept, "PYTHONUTF8": "1", **variables}, capture_output=True, text=True, encoding="utf-8",
        timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-5000:]
    return done.stdout


# --- the command ------------------------------------------------------------------------------------------------------


def test_it_says_what_it_wrote_and_what_comes_next(nlu_kit: Any, tmp_path: Path) -> None:
    done = nlu_kit("plugins", "new", "head", "my-sentiment")
    assert done.returncode == 0, done.stderr
    wrote, _, steps = done.stdout.partition("next:\n")
    folder = tmp_path / "nlu-kit-my-sentiment"
    assert sorted(wrote.split()[1::2]) == [f"nlu-kit-my-sentiment/{file}" for file in tree(folder)]
    assert [step.strip() for step in steps.splitlines()] == [
        "cd nlu-kit-my-sentiment", 'pip install -e ".[dev]"', "nlu-kit plugins list", "pytest",
    ]  # fmt: skip
    assert {
        ".github/workflows/ci.yml", ".gitignore", "README.md", "pyproject.toml", "pipeline.json",
        "nlu_kit_my_sentiment/__init__.py", "nlu_kit_my_sentiment/py.typed",
        "tests/test_contract.py", "tests/test_nlu_kit_my_sentiment.py",
    } <= set(tree(folder))  # fmt: skip
    assert list(tmp_path.iterdir()) == [folder], "nothing else is left"


def test_no_placeholder_is_left(tmp_path: Path) -> None:
    assert main(["plugins", "new", "callback", "some-one", "--directory", str(tmp_path / "mine")]) == 0
    texts = {file: (tmp_path / "mine" / file).read_text(encoding="utf-8") for file in tree(tmp_path / "mine")}
    for file, text in texts.items():
        assert not re.search(r"\$(?!\{\{ )(?!\")", text), file  # but for a workflow's ${{ … }} and a pattern's end
        assert "PACKAGE" not in file + text
    assert "python-version: ${{ matrix.python }}" in texts[".github/workflows/ci.yml"]


@pytest.mark.parametrize("name", ["nlu-kit-My.Sentiment", "my_sentiment", "My-Sentiment"])
def test_one_name_makes_all_others(name: str) -> None:
    found = plugin_name("head", name, Registry.of({}))
    assert (found.distribution, found.package) == ("nlu-kit-my-sentiment", "nlu_kit_my_sentiment")
    assert (found.component, found.command, found.camel) == ("my_sentiment", "my-sentiment", "MySentiment")


@pytest.mark.parametrize(
    ("kind", "name", "why"),
    [
        ("head", "", "a letter first"),
        ("head", "3d", "a letter first"),
        ("head", "a/b", "a letter first"),
        ("head", "größe", "a letter first"),
        ("head", "-x", "a letter first"),
        ("head", "nlu-kit-", "a letter first"),
        ("head", "x" * (LONGEST + 1), f"at most {LONGEST}"),
        ("head", "class", "a keyword of Python"),
        ("sampler", "random", "Python's standard library"),
        ("head", "entities", "a field"),
        ("head", "crf-ner", f"nlu-kit {__version__} has a head 'crf_ner' already"),
        ("loss", "ner", "there is a plugin 'ner' of nlu-kit"),
        ("command", "train", "there is a command 'nlu-kit train' already"),
        ("haed", "mine", "did you mean 'head'? kinds: backbone, head,"),
    ],
)
def test_a_name_or_kind_that_cannot_be(
    kind: str, name: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["plugins", "new", kind, "--", name]) == 2
    assert why in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    taken = tmp_path / "nlu-kit-mine"
    taken.mkdir()
    (taken / "notes.txt").write_text("mine", encoding="utf-8")
    assert main(["plugins", "new", "loss", "mine"]) == 2
    assert "nlu-kit-mine is not empty; move it, or name another with --directory" in capsys.readouterr().err
    assert main(["plugins", "new", "loss", "mine", "--directory", "nlu-kit-mine/notes.txt"]) == 2
    assert "it is not a folder" in capsys.readouterr().err
    assert tree(tmp_path) == ["nlu-kit-mine/notes.txt"]


def test_an_empty_folder_is_filled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["plugins", "new", "loss", "mine", "--directory", "."]) == 0
    assert {"pyproject.toml", "nlu_kit_mine/loss.py", ".github/workflows/ci.yml"} <= set(tree(tmp_path))
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".nlu-kit-")]


@pytest.mark.parametrize("exists", [True, False])
def test_a_full_disk_leaves_nothing(
    exists: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "mine"
    if exists:
        folder.mkdir()
    write = Path.write_bytes

    def full(self: Path, content: bytes) -> int:
        if self.name == "loss.py":
            raise OSError(28, "No space left on device")
        return write(self, content)

    monkeypatch.setattr(writing.Path, "write_bytes", full)
    assert main(["plugins", "new", "loss", "mine", "--directory", str(folder)]) == 2
    assert "No space left on device" in capsys.readouterr().err
    assert list(tmp_path.rglob("*")) == ([folder] if exists else [])


# --- what it writes ---------------------------------------------------------------------------------------------------


def write_all(folder: Path, names: Mapping[str, str]) -> Path:
    """A distribution of each kind, called as ``names`` say."""
    for kind, name in names.items():
        assert main(["plugins", "new", kind, name, "--directory", str(folder / f"nlu-kit-{name}")]) == 0
    return folder


@pytest.mark.parametrize("length", [1, LONGEST])
def test_short_and_long_names_are_clean_too(length: int, tmp_path: Path) -> None:
    """Names of one letter make lines that a formatter would join, long ones lines that it would break."""
    pytest.importorskip("ruff")
    letters = dict(zip(NEW, "abcdefghijklm", strict=False))
    folder = write_all(tmp_path, {kind: letter * length for kind, letter in letters.items()})
    run("ruff", "check", "--no-cache", ".", cwd=folder)
    run("ruff", "format", "--check", "--no-cache", ".", cwd=folder)


NAMES = {kind: f"some-{kind}" for kind in NEW}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a distribution of each kind."""
    return write_all(tmp_path_factory.mktemp("written"), NAMES)


@pytest.fixture(scope="module")
def installed(written: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """All of them installed into one folder, for PYTHONPATH."""
    pytest.importorskip("hatchling")
    target = tmp_path_factory.mktemp("installed")
    options = ("--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check")
    folders = [f"./nlu-kit-{name}" for name in NAMES.values()]
    run("pip", "install", "--quiet", *options, "--target", target, *folders, cwd=written)
    return str(target)


def test_ruff_finds_nothing(written: Path) -> None:
    pytest.importorskip("ruff")
    run("ruff", "check", "--no-cache", ".", cwd=written)
    run("ruff", "format", "--check", "--no-cache", ".", cwd=written)


@pytest.mark.slow
def test_mypy_finds_nothing(written: Path) -> None:
    """Each one's package and test; the test of the contract is the same for all, and a module may not occur twice."""
    pytest.importorskip("mypy")
    files = [*written.glob("*/nlu_kit_*"), *written.glob("*/tests/test_nlu_kit_*.py")]
    assert len(files) == 2 * len(NEW)
    files.append(written / "nlu-kit-some-head" / "tests" / "test_contract.py")
    options = (
        "--config-file",
        written / "nlu-kit-some-head" / "pyproject.toml",
        "--follow-imports",
        "silent",
        "--cache-dir",
        os.devnull,
    )
    run("mypy", *options, *files, cwd=written, MYPYPATH=os.pathsep.join([str(ROOT), str(ROOT / "plugins")]))


@pytest.mark.slow
def test_their_own_tests_pass(written: Path, installed: str) -> None:
    folders = sorted(written.glob("*/tests"))
    options = ("-q", "-p", "no:cacheprovider", "--import-mode", "importlib", "--rootdir", written)
    said = run("pytest", *options, *folders, cwd=written, PYTHONPATH=installed)
    passed = re.search(r"(\d+) passed", said)
    assert passed is not None
    assert int(passed[1]) > 10 * len(NEW)


def test_all_are_listed_with_where_they_come_from(written: Path, installed: str, run_cli: Any) -> None:
    done = run_cli(written, "plugins", "list", "--json", PYTHONPATH=installed)
    assert done.returncode == 0, done.stderr
    listed = json.loads(done.stdout)
    assert listed["contract"] == 2
    for kind, name in NAMES.items():
        among = listed["commands"] if kind == "command" else listed["components"][kind]
        wanted = name if kind == "command" else name.replace("-", "_")
        (found,) = [each for each in among if each["name"] == wanted]
        assert (found["distribution"], found["version"]) == (f"nlu-kit-{name}", "0.1.0")
        assert found["summary"].endswith(".")


def test_the_pipelines_are_right(written: Path, installed: str) -> None:
    pipelines = sorted(str(file) for file in written.glob("*/pipeline.json"))
    assert len(pipelines) == len(NEW) - 2, "a command needs none, an objective has a pretrain.json"
    plans = [str(file) for file in written.glob("*/pretrain.json")]
    assert len(plans) == 1
    script = (
        "import sys\nfrom nlu_kit.cli.main import main\n"
        "checks = [['pretrain', '--inspect'] if 'pretrain' in file else ['config', 'check'] for file in sys.argv[1:]]\n"
        "sys.exit(max(main([*check, file]) for check, file in zip(checks, sys.argv[1:])))\n"
    )
    (written / "check_all.py").write_text(script, encoding="utf-8")
    run("check_all", *pipelines, *plans, cwd=written, PYTHONPATH=os.pathsep.join([installed, str(written)]))


def test_the_command_runs_and_is_checked(written: Path, installed: str, run_cli: Any) -> None:
    counted = run_cli(written / "nlu-kit-some-command", "some-command", "data/train.jsonl", PYTHONPATH=installed)
    assert [line.split() for line in counted.stdout.splitlines()] == [
        ["8", "book_table"], ["8", "play_music"], ["8", "set_alarm"],
    ]  # fmt: skip
    checked = run_cli(written, "plugins", "check", "nlu-kit-some-command", PYTHONPATH=installed)
    assert checked.returncode == 0, checked.stderr
    assert "ok         answers-help" in checked.stdout
