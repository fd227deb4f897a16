"""The example plugins of docs/examples, as users meet them: wheels in a fresh environment, and the command line.

nlu-kit comes as a wheel, too: what only works in a checkout would show here.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

pytestmark = pytest.mark.slow  # about a dozen processes that load torch

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "docs" / "examples"
NAMES = ("nlu-kit-sentiment", "nlu-kit-relations", "nlu-kit-csv")
FAST = ["training.batch_size=16", "training.schedule=constant", "training.device=cpu", "training.precision=fp32"]
STARS = {"book": 1, "play": 3, "wake": 5}


@dataclass(frozen=True)
class Environment:
    """A virtual environment with the wheels, and a folder to work in that is no checkout."""

    python: Path
    folder: Path

    def run(self, *command: str) -> str:
        """What the interpreter prints. It fails the test where that fails."""
        hidden = ("NLU_KIT_", "PYTHON", "PYTEST_")
        variables = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
        done = subprocess.run(
            [str(self.python), *command],
            cwd=self.folder,
            env={**variables, "PYTHONUTF8": "1", "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            encoding="utf-8",
            timeout=600,
            check=False,
        )
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def nlu_kit(self, *arguments: str) -> str:
        """The command line, by the script that the wheel brings."""
        return self.run(str(self.python.with_name("nlu-kit")), *arguments)


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """Everything built without a network, by the hatchling of the running environment.

    The fresh environment sees the running one's packages behind its own (torch is large), but not what .pth files
    there add: so not this checkout, even where it is installed as editable.
    """
    folder = tmp_path_factory.mktemp("examples")
    sources = [str(ROOT), *(str(EXAMPLES / name) for name in NAMES)]
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    _done(
        [*pip, "wheel", "--quiet", "--no-deps", "--no-index", "--no-build-isolation", "-w", "wheels", *sources], folder
    )
    wheels = sorted(str(file) for file in (folder / "wheels").glob("*.whl"))
    assert len(wheels) == 4

    venv.EnvBuilder(symlinks=True).create(folder / "venv")
    python = folder / "venv" / "bin" / "python"
    # Before the other packages can be seen: pip would take the nlu-kit there for this one.
    _done(
        [*pip, "--python", str(python), "install", "--quiet", "--no-deps", "--no-index", "--no-compile", *wheels],
        folder,
    )
    where = "import sysconfig; print(sysconfig.get_path('purelib'))"
    own = Path(_done([str(python), "-c", where], folder).strip())
    seen = [path for path in sys.path if Path(path).name in ("site-packages", "dist-packages")]
    (own / "running.pth").write_text("\n".join(seen) + "\n", encoding="utf-8")
    work = folder / "work"
    work.mkdir()
    return Environment(python, work)


def _done(command: Sequence[str], folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, encoding="utf-8", timeout=600, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def shipped(environment: Environment, tiny_bert: Path) -> Callable[..., list[str]]:
    """``shipped("nlu-kit-csv", train="a.csv")``: an example's own pipeline as an argument, and the options that give it
    a tiny encoder and these data."""

    def options(name: str, **data: Path) -> list[str]:
        changes = [f"backbone={json.dumps({'type': 'transformer', 'model': str(tiny_bert)})}", *FAST]
        changes += [f"data.{split}={file}" for split, file in data.items()]
        return [str(EXAMPLES / name / "pipeline.json"), *(word for change in changes for word in ("--set", change))]

    return options


@pytest.fixture(scope="module")
def reviews(environment: Environment, records: list[dict[str, Any]]) -> Path:
    """A table of texts with stars, which are text there, too: what one example reads, another one learns."""
    file = environment.folder / "reviews.csv"
    rows = [f"{record['text']},{STARS[record['intent']]}" for record in records]
    file.write_text("\n".join(["text,stars", *rows]) + "\n", encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def bookings(environment: Environment, jsonl: Callable[..., Path]) -> Path:
    """Cities and times, in both orders, with and without a relation: of words that the tiny tokenizer knows."""
    records = []
    for pattern, related in (("a table in {city} at {time}", True), ("at {time} a hotel in {city}", True),
                             ("{city} please , {time} please", False)):  # fmt: skip
        for city in ("Paris", "Rome", "Berlin", "Oslo"):
            for time in ("noon", "seven", "midnight"):
                text = pattern.format(city=city, time=time)
                spans = {
                    label: {"start": text.index(value), "end": text.index(value) + len(value)}
                    for label, value in (("city", city), ("time", time))
                }
                relations = [{"label": "when", "head": spans["city"], "tail": spans["time"]}] if related else []
                entities = [{**span, "label": label} for label, span in spans.items()]
                records.append({"text": text, "entities": entities, "relations": relations})
    return jsonl(environment.folder / "bookings.jsonl", records)


def figures(environment: Environment, name: str) -> dict[str, Any]:
    text = (environment.folder / name / "evaluation.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)["figures"]
    return found


def test_nlu_kit_is_the_wheel_and_torch_is_borrowed(environment: Environment) -> None:
    script = "from importlib.util import find_spec as f; print(*(f(name).origin for name in ('nlu_kit', 'torch')))"
    ours, borrowed = (Path(path) for path in environment.run("-c", script).split())
    plugin = Path(environment.run("-c", "import nlu_kit_relations; print(nlu_kit_relations.__file__)").strip())
    inside = environment.python.parents[1]
    assert inside in ours.parents
    assert inside in plugin.parents
    assert inside not in borrowed.parents


def test_the_list_says_who_brings_what(environment: Environment) -> None:
    lines = environment.nlu_kit("plugins", "list").splitlines()
    for component, distribution in zip(("sentiment", "relations", "csv"), NAMES, strict=True):
        (line,) = [line for line in lines if line.split()[:1] == [component]]
        assert line.endswith(f"[{distribution} 0.1.0]")


@pytest.mark.parametrize(
    ("kind", "component", "parameter"),
    [("head", "sentiment", "lowest"), ("head", "relations", "spans"), ("reader", "csv", "delimiter")],
)
def test_parameters_are_explained(environment: Environment, kind: str, component: str, parameter: str) -> None:
    told = environment.nlu_kit("plugins", "show", kind, component)
    assert f"{kind} {component} (nlu-kit-{component} 0.1.0)" in told
    assert f"  {parameter}: " in told


@pytest.mark.parametrize("name", NAMES)
def test_the_pipeline_that_ships_is_right(environment: Environment, name: str) -> None:
    environment.nlu_kit("config", "check", str(EXAMPLES / name / "pipeline.json"))


def test_a_reader_and_a_command_keep_their_contract(environment: Environment) -> None:
    """Those of the heads are tried by their own tests."""
    told = environment.nlu_kit("plugins", "check", "nlu-kit-csv")
    assert " 0 broken" in told
    assert "stats" in told


def test_stats(environment: Environment, reviews: Path, bookings: Path) -> None:
    told = environment.nlu_kit("stats", reviews.name, bookings.name)
    assert told.splitlines()[0] == "reviews.csv"
    assert "entities    2 labels in 36 annotated utterances: city 36, time 36" in told
    counts = json.loads(environment.nlu_kit("stats", "--json", reviews.name))
    assert counts["reviews.csv"]["utterances"] == counts["reviews.csv"]["fields"]["stars"] == 57
    assert "stats" in environment.nlu_kit("--help")


@pytest.fixture(scope="module")
def sentiment(environment: Environment, shipped: Any, reviews: Path) -> str:
    """The run of a model that predicts stars."""
    options = shipped("nlu-kit-sentiment", train=reviews, dev=reviews, test=reviews)
    told = environment.nlu_kit("train", *options, "--set", "training.epochs=6", "--runs", "sentiment")
    assert "sentiment.closeness" in told
    return "sentiment/latest"


def test_sentiment_from_training_to_evaluation(environment: Environment, sentiment: str, reviews: Path) -> None:
    model = ["--model", sentiment]

    answers = environment.nlu_kit("predict", "--json", *model, "book a table", "wake me up").splitlines()
    bad, good = (json.loads(line)["stars"] for line in answers)
    assert list(bad) == ["name", "confidence", "value"]
    assert 1 <= bad["value"] < good["value"] <= 5
    assert 0 <= good["confidence"] <= 1
    assert {bad["name"], good["name"]} < set("12345")

    told = environment.nlu_kit("evaluate", *model, reviews.name, "--output", "of-sentiment")
    assert "sentiment.within_one" in told
    found = figures(environment, "of-sentiment")
    assert found["sentiment.closeness"]["value"] > 0.6
    assert {"sentiment.accuracy", "sentiment.within_one"} < set(found)


def test_relations_from_training_to_evaluation(environment: Environment, shipped: Any, bookings: Path) -> None:
    options = shipped("nlu-kit-relations", train=bookings, dev=bookings, test=bookings)
    told = environment.nlu_kit("train", *options, "--set", "training.epochs=16", "--runs", "relations")
    assert "relations.f1" in told
    model = ["--model", "relations/latest"]

    (answer,) = environment.nlu_kit("predict", "--json", *model, "at noon a hotel in Paris").splitlines()
    ((relation,), entities) = (json.loads(answer)[field] for field in ("relations", "entities"))
    assert list(relation) == ["label", "head", "tail", "confidence"]
    assert relation["label"] == "when"
    assert relation["head"] == {"start": 19, "end": 24, "text": "Paris", "label": "city"}
    assert relation["tail"] == {"start": 3, "end": 7, "text": "noon", "label": "time"}
    assert {entity["text"] for entity in entities} == {"Paris", "noon"}

    environment.nlu_kit("evaluate", *model, bookings.name, "--output", "of-relations")
    found = figures(environment, "of-relations")
    assert found["relations.f1"]["value"] > 0.8
    assert {"relations.precision", "relations.recall", "relations.unlabelled_f1", "ner.f1"} < set(found)


def test_a_comparison_shows_the_metric_of_the_example(environment: Environment, shipped: Any, reviews: Path) -> None:
    options = shipped("nlu-kit-sentiment", train=reviews, dev=reviews, test=reviews)
    grid = ["--vary", "heads.sentiment.dropout=0.0,0.5", "--seeds", "1", "--set", "training.epochs=1"]
    lines = environment.nlu_kit("compare", *options, *grid, "--output", "compared").splitlines()
    (names,) = [line for line in lines if "combination" in line]
    assert "sentiment.closeness" in names
    rows = json.loads((environment.folder / "compared" / "compare.json").read_text(encoding="utf-8"))["combinations"]
    assert len(rows) == 2
    assert all(0 <= row["metrics"]["sentiment.closeness"]["mean"] <= 1 for row in rows)


@pytest.fixture(scope="module")
def small(environment: Environment, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """The same wheels, in an environment with what nlu-kit's wheel requires without any extra, and nothing else.

    What is required is linked from the running environment, one by one, so that nothing is downloaded.
    """
    prefix = tmp_path_factory.mktemp("small") / "venv"
    venv.EnvBuilder(symlinks=True).create(prefix)
    (site,) = prefix.glob("lib/python*/site-packages")
    for wheel in (environment.folder.parent / "wheels").glob("*.whl"):
        shutil.unpack_archive(wheel, site, format="zip")
    (own,) = metadata.distributions(name="nlu-kit", path=[str(site)])
    for required in _required(own):
        for name in {file.parts[0] for file in required.files or []} - {"..", "__pycache__"}:
            if not (site / name).exists():
                (site / name).symlink_to(required.locate_file(name))
    return Environment(prefix / "bin" / "python", environment.folder)


def _required(distribution: metadata.Distribution) -> list[metadata.Distribution]:
    """All that it requires without an extra, directly or not."""
    found: dict[str, metadata.Distribution] = {}
    waiting = [(distribution, "")]
    while waiting:
        current, extra = waiting.pop()
        for requirement in map(Requirement, current.requires or []):
            wanted = requirement.marker is None or requirement.marker.evaluate({"extra": extra})
            if wanted and requirement.name not in found:
                found[requirement.name] = metadata.distribution(requirement.name)
                waiting += [(found[requirement.name], extra) for extra in (requirement.extras or {""})]
    return list(found.values())


def test_without_torch_a_strangers_head_predicts_and_is_evaluated(
    environment: Environment, small: Environment, sentiment: str, reviews: Path
) -> None:
    absent = "import importlib.util as u; print([n for n in ('torch', 'transformers', 'sklearn') if u.find_spec(n)])"
    assert small.run("-c", absent).strip() == "[]"
    arguments = ["--json", "--model", sentiment, "book a table", "wake me up"]
    assert small.run("-m", "nlu_kit", "predict", *arguments) == environment.nlu_kit("predict", *arguments)
    arguments = ["evaluate", "--model", sentiment, reviews.name, "--output"]
    assert "sentiment.closeness" in small.run("-m", "nlu_kit", *arguments, "evaluated-small")
    environment.nlu_kit(*arguments, "evaluated")
    assert figures(environment, "evaluated-small") == figures(environment, "evaluated")
    assert "nlu-kit-sentiment" in small.run("-m", "nlu_kit", "plugins", "list")


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["train", "starter/pipeline.json"], "training"),
        (["compare", "starter/pipeline.json"], "training"),
        (["evaluate", "--folds", "3", "starter/pipeline.json"], "training"),
        (["config", "show", "--parameters", "starter/pipeline.json"], "--parameters"),
        (["export", "sentiment/latest"], "the export"),
        (["plugins", "check", "sentiment"], "checking components"),
        (["predict", "--runtime", "torch", "--model", "sentiment/latest", "hi"], "run by torch,"),
    ],
)
def test_without_torch_what_needs_it_names_the_extra(
    small: Environment, sentiment: str, arguments: list[str], what: str
) -> None:
    if not (small.folder / "starter").exists():
        small.run("-m", "nlu_kit", "init", "starter")
    done = subprocess.run(
        [str(small.python), "-m", "nlu_kit", *arguments], cwd=small.folder, capture_output=True, encoding="utf-8"
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert f"{what} needs torch, " in done.stderr
    assert 'pip install "nlu-kit[train]"' in done.stderr


def test_without_torch_python_says_so_too(small: Environment) -> None:
    code = "import nlu_kit\ntry:\n    nlu_kit.train\nexcept ImportError as error:\n    print(error)"
    assert small.run("-c", code).startswith("training needs torch, ")


@pytest.mark.parametrize("name", NAMES)
def test_the_examples_own_tests_pass(environment: Environment, name: str) -> None:
    told = environment.run("-m", "pytest", "-q", "-p", "no:cacheprovider", str(EXAMPLES / name / "tests"))
    assert " passed" in told
    assert "skipped" not in told
