"""spaCy on train.jsonl and test.jsonl of a folder, by a Python that has it: `python spacy_baseline.py FOLDER SEED`.

A blank English pipeline with `textcat` (one intent a text) and `ner`, as they come: 40 epochs, batches of 32. The last
line of stdout is JSON with intent accuracy, strict span F1 and exact match, counted as nlu-kit counts them.
"""

from __future__ import annotations

import json
import random
import sys
import warnings
from pathlib import Path
from typing import Any

EPOCHS, BATCH = 40, 32


def main(folder: Path, seed: int) -> None:
    import spacy
    from spacy.training import Example
    from spacy.util import fix_random_seed, minibatch

    warnings.filterwarnings("ignore")  # spans that do not fit its tokens, which it then leaves out
    fix_random_seed(seed)
    train, test = (
        [json.loads(line) for line in (folder / f"{split}.jsonl").read_text("utf-8").splitlines()]
        for split in ("train", "test")
    )
    nlp = spacy.blank("en")
    textcat, ner = nlp.add_pipe("textcat"), nlp.add_pipe("ner")
    intents = sorted({row["intent"] for row in train})
    for intent in intents:
        textcat.add_label(intent)
    for label in sorted({entity["label"] for row in train for entity in row["entities"]}):
        ner.add_label(label)
    examples = [
        Example.from_dict(
            nlp.make_doc(row["text"]),
            {
                "cats": {intent: float(intent == row["intent"]) for intent in intents},
                "entities": [(e["start"], e["end"], e["label"]) for e in row["entities"]],
            },
        )
        for row in train
    ]
    optimiser = nlp.initialize(lambda: examples)
    chance = random.Random(seed)
    for _ in range(EPOCHS):
        chance.shuffle(examples)
        for batch in minibatch(examples, BATCH):
            nlp.update(batch, sgd=optimiser)
    print(json.dumps(figures(nlp, test)))


def figures(nlp: Any, test: list[dict[str, Any]]) -> dict[str, float]:
    right = both = hits = predicted = annotated = 0
    for row, doc in zip(test, nlp.pipe(row["text"] for row in test), strict=True):
        spans = {(ent.start_char, ent.end_char, ent.label_) for ent in doc.ents}
        gold = {(entity["start"], entity["end"], entity["label"]) for entity in row["entities"]}
        intent = max(doc.cats, key=doc.cats.get) == row["intent"]
        right += intent
        both += intent and spans == gold
        hits, predicted, annotated = hits + len(spans & gold), predicted + len(spans), annotated + len(gold)
    f1 = 2 * hits / (predicted + annotated) if predicted + annotated else 0.0
    return {"intent": right / len(test), "f1": f1, "exact_match": both / len(test)}


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
