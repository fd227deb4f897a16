"""With few examples a label other defaults hold, and it is said; heads then begin where the vectors already are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from nlu_kit.config.check import resolve
from nlu_kit.data.labels import IGNORE
from nlu_kit.errors import ConfigError, DataError
from nlu_kit.heads.codec import HeadContext
from nlu_kit.heads.modules import SentenceClassifier, fit_logistic
from nlu_kit.heads.params import LabelParams
from nlu_kit.model.nlu_model import compute_each
from nlu_kit.training.data_checks import data_findings
from nlu_kit.training.duration import MOST
from nlu_kit.training.prepare import Prepared, prepare
from nlu_kit.training.recipe import GENTLE, ONE_EACH


@pytest.fixture
def prepared(pipeline_sections: Any, jsonl: Any, tmp_path: Path) -> Any:
    """``prepared(examples, **sections)``: of so many examples of each of three intents."""

    def make(examples: int = 4, **sections: Any) -> Prepared:
        names = ("play_music", "BookTable", "wake-me")
        records = [{"text": f"{name} {n}", "intent": name} for name in names for n in range(examples)]
        train = str(jsonl(tmp_path / "train.jsonl", records))
        training = sections.pop("training", {})
        data = {"train": train, "dev": train}
        defaults = {"data": data, "heads": {"intent": "intent"}, "sampler": "random", "recipe": "auto"}
        raw = pipeline_sections(**{**defaults, **sections})
        return prepare(resolve({**raw, "training": {"device": "cpu", **training}}, base_dir=Path()))

    return make


def said(prepared: Prepared) -> list[str]:
    return [str(finding) for finding in data_findings(prepared) if "recipe" in str(finding)]


def test_with_few_examples_the_recipe_changes_defaults_and_says_so(prepared: Any) -> None:
    found = prepared(4, freezing="discriminative")
    params = found.pipeline.heads["intent"].head.params
    assert (params.initialise, params.label_texts) == ("examples", True)
    assert found.pipeline.training.epochs == GENTLE["epochs"]
    assert found.pipeline.freezing.params.encoder_lr == 1e-4
    (line,) = said(found)
    assert "freezing.encoder_lr=0.0001" in line
    assert "'intent' has 4 examples a label" in line
    assert "heads.intent.initialise=examples" in line
    assert [example.text for example in found.train.examples[-3:]] == ["Book Table", "play music", "wake me"]
    assert found.sizes()["train"] == 12, "the labels' names are no part of the corpus"


@pytest.mark.parametrize(("examples", "sections"), [(51, {}), (4, {"recipe": "standard"})])
def test_else_nothing_changes(prepared: Any, examples: int, sections: Any) -> None:
    found = prepared(examples, **sections)
    assert found.pipeline.heads["intent"].head.params.initialise == "random"
    assert found.pipeline.training.epochs == MOST
    assert said(found) == []
    assert len(found.train) == 3 * examples


def test_it_can_be_asked_for(prepared: Any) -> None:
    assert prepared(60, recipe="few_examples").pipeline.heads["intent"].head.params.initialise == "examples"


def test_what_the_pipeline_sets_wins(prepared: Any) -> None:
    heads = {"intent": {"type": "intent", "initialise": "random", "label_texts": False}}
    freezing = {"type": "discriminative", "encoder_lr": 3e-4}
    found = prepared(4, heads=heads, training={"epochs": 9, "warmup": 0.0}, freezing=freezing)
    assert found.pipeline.freezing.params.encoder_lr == 3e-4
    assert found.pipeline.heads["intent"].head.params.initialise == "random"
    assert found.pipeline.training.epochs == 9
    assert said(found) == []


def test_a_strategy_that_the_pipeline_chose_keeps_its_rates(prepared: Any) -> None:
    freezing = {"type": "discriminative", "encoder_lr": 3e-4}
    assert prepared(4, freezing=freezing).pipeline.freezing.params.encoder_lr == 3e-4
    (line,) = said(prepared(4, freezing="freeze_backbone"))
    assert "training.epochs=5" in line
    assert "freezing." not in line


@pytest.mark.parametrize(
    ("head", "epochs"),
    [
        ({"type": "intent", "initialise": "examples", "label_texts": True}, 5),
        ({"type": "intent", "label_texts": {"BookTable": "reserve a table"}}, 5),
        ({"type": "intent", "initialise": "random"}, MOST),
        ({"type": "prototype_intent"}, 5),
        ({"type": "prototype_intent", "label_texts": {"refund": "my money back"}}, 5),
    ],
)
def test_epochs_follow_from_where_the_head_begins_whoever_chose_that(prepared: Any, head: Any, epochs: int) -> None:
    assert prepared(4, heads={"intent": head}).pipeline.training.epochs == epochs


def test_beside_a_head_that_begins_at_random_the_encoder_moves_further(
    prepared: Any, jsonl: Any, tmp_path: Path
) -> None:
    """Five gentle epochs suit a head that begins at a fit; entities would starve."""
    entity = {"start": 0, "end": 4, "label": "word"}
    records = [
        {"text": f"{word} {n}", "intent": word, "entities": [entity]} for word in ("play", "stop") for n in range(4)
    ]
    train = str(jsonl(tmp_path / "entities.jsonl", records))
    data, heads = {"train": train, "dev": train}, {"intent": "intent", "ner": "ner"}
    found = prepared(heads=heads, data=data, freezing="discriminative")
    assert found.pipeline.heads["intent"].head.params.initialise == "examples"
    assert found.pipeline.training.epochs == MOST
    assert (found.pipeline.training.warmup, found.pipeline.freezing.params.encoder_lr) == (0.1, 2e-4)
    (line,) = said(found)
    assert "'intent' has 4 examples a label, 'ner' has 8" in line
    single = str(jsonl(tmp_path / "single.jsonl", records[::4]))
    one_each = prepared(heads=heads, data={"train": single, "dev": train}, freezing="discriminative")
    assert one_each.pipeline.training.epochs == ONE_EACH["epochs"]
    only = prepared(heads={"ner": "ner"}, data=data, freezing="discriminative", detector=None)
    assert only.pipeline.freezing.params.encoder_lr == 2e-4


def test_what_the_pipeline_sets_may_leave_the_head_no_place_for_it(prepared: Any) -> None:
    found = prepared(4, heads={"intent": {"type": "intent", "hidden": 8}})
    assert found.pipeline.heads["intent"].head.params.initialise == "random"
    assert found.pipeline.training.epochs == MOST
    (line,) = said(found)
    assert "heads." not in line


def test_an_unknown_recipe_is_refused(prepared: Any) -> None:
    with pytest.raises(ConfigError, match="recipe"):
        prepared(4, recipe="magic")


def test_the_head_begins_at_the_fit_on_the_vectors_as_they_are(prepared: Any) -> None:
    """Before any training it tells most training examples apart; at random it can't."""

    def right(found: Prepared) -> float:
        computed = compute_each(found.objective.model, found.train.encodings, batch_size=8)
        picked = [text.outputs["intent"]["logits"].argmax() for text in computed]
        return float(
            np.mean([p == target["intent"]["labels"] for p, target in zip(picked, found.train.targets, strict=True)])
        )

    assert right(prepared(6)) > 0.8
    assert right(prepared(6)) > right(prepared(6, recipe="standard"))


def test_what_it_begins_at_is_what_scikit_learn_fits() -> None:
    from sklearn.linear_model import LogisticRegression

    generator = np.random.default_rng(0)
    vectors = generator.normal(size=(60, 8)).astype(np.float32)
    labels = generator.integers(0, 4, size=60)
    weights, biases = fit_logistic(torch.from_numpy(vectors), torch.from_numpy(labels), 4)
    expected = LogisticRegression(C=20, tol=1e-8, max_iter=5000).fit(vectors, labels)
    probabilities = torch.softmax(torch.from_numpy(vectors) @ weights.T + biases, dim=1).numpy()
    np.testing.assert_allclose(probabilities, expected.predict_proba(vectors), atol=1e-3)


def test_examples_without_annotation_count_nothing() -> None:
    from nlu_kit.data.labels import LabelSpace

    context = HeadContext(name="intent", width=4, labels=LabelSpace(("a", "b")))
    vectors = torch.eye(4)
    heads = [SentenceClassifier(LabelParams(initialise="examples"), context) for _ in range(2)]
    with torch.no_grad():
        heads[0].initialise(vectors, {"labels": torch.tensor([0, 1, IGNORE, IGNORE])})
        heads[1].initialise(vectors[:2], {"labels": torch.tensor([0, 1])})
    assert torch.equal(heads[0].classifier.weight, heads[1].classifier.weight)
    assert heads[0].classifier.weight.abs().sum() > 0


# --- what labels are called -------------------------------------------------------------------------------------------


def test_labels_may_be_given_other_texts(prepared: Any) -> None:
    heads = {"intent": {"type": "intent", "label_texts": {"BookTable": "reserve a table"}}}
    texts = [example.text for example in prepared(4, heads=heads).train.examples[-3:]]
    assert texts == ["reserve a table", "play music", "wake me"]


@pytest.mark.parametrize(
    ("texts", "match"),
    [
        (
            {"BookTabel": "reserve"},
            r"heads\.intent\.label_texts: .*no training example has the label 'BookTabel'.*BookTable",
        ),
        ({"BookTable": "Play music"}, "'BookTable' and 'play_music' are both called 'play music'"),
    ],
)
def test_texts_that_fit_no_label_or_two_are_refused(prepared: Any, texts: Any, match: str) -> None:
    with pytest.raises(DataError, match=match):
        prepared(4, heads={"intent": {"type": "intent", "label_texts": texts}})


def test_a_hidden_layer_has_nothing_to_begin_at(prepared: Any) -> None:
    with pytest.raises(ConfigError, match="leave `hidden` out"):
        prepared(4, heads={"intent": {"type": "intent", "initialise": "examples", "hidden": 8}})


COLLIDING = {"awful": "-1", "average": "0", "great": "1"}
NEAR = {"price": "faq/price", "discount": "faq_price", "linq": "C#", "malloc": "C"}
OPAQUE = {"book": "intent_0", "play": "intent_1", "wake": "intent_2", "cancel": "intent_3", "pay": "intent_4"}


@pytest.mark.parametrize("explicit", [False, True])
@pytest.mark.parametrize(("names", "why"), [(COLLIDING, "read the same"), (NEAR, "read the same"), (OPAQUE, "nothing")])
def test_names_that_say_nothing_are_left_out_and_named(
    prepared: Any, jsonl: Any, tmp_path: Path, names: dict[str, str], why: str, explicit: bool
) -> None:
    records = [{"text": f"{word} {n}", "intent": name} for word, name in names.items() for n in range(4)]
    train = str(jsonl(tmp_path / "names.jsonl", records))
    head = {"type": "intent", **({"label_texts": True} if explicit else {})}
    found = prepared(data={"train": train, "dev": train}, heads={"intent": head})
    assert len(found.train) == len(records)
    (line,) = [str(finding) for finding in data_findings(found) if "label_texts: " in str(finding)]
    assert why in line
    assert all(name in line for name in names.values())
