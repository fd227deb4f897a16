"""``nlu-kit plugins``, on the bundled plugins."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nlu_kit import __version__
from nlu_kit.plugin.hooks import KINDS
from nlu_kit.registry import Registry

BUNDLED = {
    "backbone": {"sentence_transformer", "transformer"},
    "head": {"intent", "ner"},
    "loss": {"cross_entropy", "weighted_cross_entropy"},
    "balancing": {"sum", "weighted"},
    "sampler": {"random", "weighted", "bucketed"},
    "freezing": {"freeze_all", "freeze_backbone", "discriminative"},
    "reader": {"jsonl", "parallel"},
}
COMPONENTS = [(kind, provided.spec.name) for kind in KINDS for provided in Registry.load().all(kind)]


def test_list_has_what_we_ship(nlu_kit: Any) -> None:
    listed = json.loads(nlu_kit("plugins", "list", "--json").stdout)
    assert listed["failed"] == []
    assert set(listed["components"]) == set(KINDS)
    for kind, names in BUNDLED.items():
        ours = {c["name"]: c for c in listed["components"][kind] if c["distribution"] == "nlu-kit"}
        assert names <= set(ours)
        assert {component["version"] for component in ours.values()} == {__version__}
        assert all(component["summary"].endswith(".") for component in ours.values())


def test_list_in_words(nlu_kit: Any) -> None:
    lines = nlu_kit("plugins", "list").stdout.splitlines()
    kinds = [line.split()[0] for line in lines if line and not line.startswith((" ", "*"))]
    assert kinds == [*KINDS, "command"]
    discriminative = next(line for line in lines if "discriminative" in line)
    assert discriminative.startswith("  * discriminative ")
    assert discriminative.endswith(f"[nlu-kit {__version__}]")


def test_show_explains(nlu_kit: Any) -> None:
    done = nlu_kit("plugins", "show", "loss", "weighted_cross_entropy")
    assert done.returncode == 0
    assert done.stdout.startswith(f"loss weighted_cross_entropy (nlu-kit {__version__})\n")
    assert 'one of "sqrt", "balanced", "effective_number", "none"; default "sqrt"' in done.stdout
    snippet = json.loads(done.stdout.partition("In pipeline.json:\n")[2])
    assert snippet["heads"]["intent"]["loss"]["type"] == "weighted_cross_entropy"


def test_an_objective_is_for_pretrain_json(nlu_kit: Any) -> None:
    done = nlu_kit("plugins", "show", "objective", "mlm")
    assert done.returncode == 0, done.stderr
    (section,) = json.loads(done.stdout.partition("In pretrain.json:\n")[2])["objectives"]
    assert (section["type"], section["weight"]) == ("mlm", 1.0)


@pytest.mark.parametrize(("kind", "name"), COMPONENTS)
def test_every_parameter_says_what_it_means(kind: str, name: str) -> None:
    params = Registry.load().get(kind, name).spec.params
    assert [key for key, field in params.model_fields.items() if not field.description] == []


@pytest.mark.parametrize(("kind", "name"), COMPONENTS)
def test_every_component_can_be_shown(kind: str, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    from nlu_kit.cli.main import main

    assert main(["plugins", "show", kind, name]) == 0
    assert f'"type": "{name}"' in capsys.readouterr().out
