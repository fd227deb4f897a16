"""docs/writing-plugins.md, followed to the letter: every block that is a file, a command or a pipeline, in its order.

In a fresh environment with nlu-kit from its wheel. What the tests' own environment has (torch and the like) can be
imported there too: no package index is asked.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "writing-plugins.md"
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
OFFLINE = {
    "python -m pip install ": " --no-index --no-build-isolation",
    "python -m build": " --no-isolation",
}


class Environment:
    """A fresh virtual environment, and the folder in which its user works."""

    def __init__(self, folder: Path) -> None:
        self.prefix = folder / "venv"
        venv.create(self.prefix, with_pip=False)
        (site,) = self.prefix.glob("lib/python*/site-packages")
        own = sysconfig.get_paths()["purelib"]
        # Twice: the first line is for mypy, which runs nothing; the second finds what is installed there as editable.
        (site / "tests-environment.pth").write_text(f"{own}\nimport site; site.addsitedir({own!r})\n", encoding="utf-8")
        self.here = folder / "work"
        self.here.mkdir()
        self.printed = ""

    def run(self, line: str) -> None:
        """One line of a shell block; ``cd`` stays in force."""
        if line.startswith("cd "):
            self.here /= line.removeprefix("cd ")
            return
        line += next((options for start, options in OFFLINE.items() if line.startswith(start)), "")
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("NLU_KIT", "PYTEST"))}
        environment |= {"PATH": f"{self.prefix / 'bin'}{os.pathsep}{environment['PATH']}", "PYTHONUTF8": "1"}
        done = subprocess.run(
            line, shell=True, cwd=self.here, env=environment, capture_output=True, text=True, timeout=300, check=False
        )
        self.printed += done.stdout
        assert done.returncode == 0, f"$ {line}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"

    def write(self, name: str, text: str) -> None:
        file = self.here / name
        assert file.parent.is_dir(), f"the page writes {name}, and there is no such folder"
        file.write_text(text, encoding="utf-8")


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """The environment after the last block."""
    folder = tmp_path_factory.mktemp("tutorial")
    environment = Environment(folder)
    wheel = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "-q",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        str(folder),
        str(ROOT),
    ]
    subprocess.run(wheel, check=True, capture_output=True)
    (file,) = folder.glob("nlu_kit-*.whl")
    environment.run(f"python -m pip install -q --no-deps {file}")
    for language, text in FENCE.findall(PAGE.read_text(encoding="utf-8")):
        header = re.match(r"# file: (\S+)\n", text)
        if language == "python":
            assert header, "each Python block says which file it is"
            environment.write(header[1], text.removeprefix(header[0]))
        elif language == "json":
            environment.write("pipeline.json", text)
        elif language == "sh":
            for line in text.splitlines():
                environment.run(line)
        else:
            assert language == "text", f"who runs a block of {language}?"
    return environment


@pytest.mark.slow
def test_the_page_works_to_the_letter_and_ends_with_a_wheel(followed: Environment) -> None:
    assert list((followed.here / "dist").glob("nlu_kit_redact-0.1.0-*.whl"))
    assert "[nlu-kit-redact 0.1.0]" in followed.printed
    assert "redact.f1" in followed.printed


@pytest.mark.slow
def test_the_output_that_it_shows_is_what_came_out(followed: Environment) -> None:
    *_, shown = [text for language, text in FENCE.findall(PAGE.read_text(encoding="utf-8")) if language == "text"]
    redacted = next(line for line in shown.splitlines() if line.strip().startswith("redacted: "))
    assert redacted in followed.printed.splitlines()


@pytest.mark.slow
def test_nlu_kit_came_from_its_wheel(followed: Environment) -> None:
    followed.run('python -c "import nlu_kit; print(nlu_kit.__file__)"')
    assert Path(followed.printed.splitlines()[-1]).is_relative_to(followed.prefix)
