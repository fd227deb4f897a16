"""Somebody's own nine sentences: what the first training with one's own data must find, on the embedded encoder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nlu_kit.runtime.predictor import load
from nlu_kit.training.run import train

SENTENCES = """
# check_balance
what's my balance
how much money do I have
balance of my [savings](account) account

# transfer
send [50 euros](amount) to [Anna](person)
transfer [20 dollars](amount) to [Tom](person)
pay [Maria](person) [100 pounds](amount)

# block_card
block my card
I lost my credit card
my card was stolen
"""
NEW = {
    "please send 30 euros to Peter": ("transfer", [("30 euros", "amount"), ("Peter", "person")]),
    "wire 500 pounds to Alex": ("transfer", [("500 pounds", "amount"), ("Alex", "person")]),
    "can you transfer 70 euros to Julia": ("transfer", [("70 euros", "amount"), ("Julia", "person")]),
    "block the stolen card": ("block_card", []),
    "someone took my card": ("block_card", []),
    "show my balance please": ("check_balance", []),
}


@pytest.mark.slow
def test_nine_sentences_are_enough_for_six_like_them(tmp_path: Path) -> None:
    (tmp_path / "sentences.txt").write_text(SENTENCES, encoding="utf-8")
    pipeline = tmp_path / "pipeline.json"
    pipeline.write_text(json.dumps({"data": {"train": "sentences.txt"}}), encoding="utf-8")
    result = train(pipeline, overrides=["training.export=false"], runs=tmp_path / "runs")
    model = load(result.run_dir, runtime="torch")
    for text, (intent, entities) in NEW.items():
        prediction = model(text)
        assert prediction.intent is not None
        assert prediction.intent.name == intent
        assert [(entity.text, entity.label) for entity in prediction.entities] == entities
        assert prediction.out_of_scope is False
