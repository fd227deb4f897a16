"""Listing components must not cost an import of torch; freezing and reading never need it. Specs can be pickled."""

from __future__ import annotations

import pickle
import subprocess
import sys

import pytest

from nlu_kit.plugin.hooks import KINDS
from nlu_kit.registry import Registry

LISTING = """
import sys
import nlu_kit_balancing, nlu_kit_detectors, nlu_kit_freezing, nlu_kit_losses, nlu_kit_readers, nlu_kit_samplers
specs = [
    *nlu_kit_balancing.nlu_kit_balancing(), *nlu_kit_detectors.nlu_kit_detectors(),
    *nlu_kit_freezing.nlu_kit_freezing_strategies(),
    *nlu_kit_losses.nlu_kit_losses(), *nlu_kit_readers.nlu_kit_readers(), *nlu_kit_samplers.nlu_kit_samplers(),
]
for spec in specs:
    spec.params.model_json_schema()
from nlu_kit.plugin import FreezingContext, Layer
known = {spec.name: spec for spec in nlu_kit_freezing.nlu_kit_freezing_strategies()}
context = FreezingContext(epochs=1, nested=lambda inner: known[inner.type].build(known[inner.type].params(), context))
for spec in known.values():
    strategy = spec.build(spec.params(), context)
    layers = [Layer(name="a", part="backbone", parameters=1)]
    strategy.groups(layers, 0, ())
    strategy.may_train(layers, 0, ())
import pathlib, tempfile
with tempfile.TemporaryDirectory() as folder:
    file = pathlib.Path(folder) / "a.jsonl"
    file.write_text('{"text": "a"}')
    for spec in nlu_kit_readers.nlu_kit_readers():
        if spec.detect(file):
            list(spec.read(spec.params(), file))
heavy = {"torch", "numpy", "transformers"} & set(sys.modules)
sys.exit(f"imported: {heavy}" if heavy else 0)
"""


def test_listing_freezing_and_reading_import_nothing_heavy() -> None:
    result = subprocess.run([sys.executable, "-c", LISTING], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("kind", KINDS)
def test_specs_can_be_pickled(kind: str) -> None:
    """A model holds those it was built from, and goes to other processes."""
    for provided in Registry.load().all(kind):
        assert pickle.loads(pickle.dumps(provided)) == provided
