"""What training added to the logits is taken off again: as much as dev wants, in torch and in the graph alike."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nlu_kit.data.encoding import Encoding
from nlu_kit.data.example import Example
from nlu_kit.data.labels import LabelSpace
from nlu_kit.errors import ModelError
from nlu_kit.heads.codec import CodecContext
from nlu_kit.heads.label import LabelCodec
from nlu_kit.heads.params import LabelParams
from nlu_kit.model.compute import Computed
from nlu_kit.model.correction import SHARES, WHOLE, corrected, corrections, fit_shares
from nlu_kit.model.description import Correction
from nlu_kit.model.folder import DESCRIPTION
from nlu_kit.runtime.predictor import load

LABELS = LabelSpace(("a", "b", "c"))
PRIOR = np.array([0.9, 0.08, 0.02])
WEIGHTS = 1 / PRIOR


class Codec(LabelCodec[LabelParams]):
    """Labels in the field ``label``."""


@pytest.fixture(scope="module")
def codec() -> Codec:
    return Codec(LabelParams(), CodecContext(name="head", labels=LABELS))


def drawn(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """(true labels, what a network knows of them that has learnt with weights: the posterior's logits, shifted)."""
    generator = np.random.default_rng(seed)
    labels = generator.choice(3, size=count, p=PRIOR)
    evidence = generator.normal(size=(count, 3)) + 2.0 * np.eye(3)[labels]  # its log likelihood ratios are 2 x
    return labels, 2.0 * evidence + np.log(PRIOR) + np.log(WEIGHTS)


def asked(labels: np.ndarray, logits: np.ndarray) -> tuple[Any, ...]:
    """``fit_shares``' batches, examples and encodings; in two batches, and not in the order of the utterances."""
    encodings = [Encoding(text="x", ids=(0,), words=(), truncated=False)] * len(labels)
    examples = [Example(text="x", labels={"label": LABELS.names[label]}, source="") for label in labels]
    order = np.argsort(logits[:, 0])
    computed = [
        (part.tolist(), Computed(outputs={"head": {"logits": logits[part]}}, vectors=np.zeros((len(part), 1))))
        for part in np.array_split(order, 2)
    ]
    return computed, examples, encodings


def test_dev_asks_for_all_of_it_back_where_the_weights_shifted_the_posterior(codec: Codec) -> None:
    found = fit_shares({"head": np.log(WEIGHTS)}, {"head": codec}, *asked(*drawn(20_000)))
    assert found == {"head": WHOLE}


def test_dev_asks_for_none_where_nothing_was_shifted(codec: Codec) -> None:
    labels, logits = drawn(20_000)
    found = fit_shares({"head": np.log(WEIGHTS)}, {"head": codec}, *asked(labels, logits - np.log(WEIGHTS)))
    assert found == {"head": 0.0}


def test_of_shares_that_do_equally_well_it_takes_the_least(codec: Codec) -> None:
    labels = np.array([0, 1, 2] * 5)
    assert fit_shares({"head": np.log(WEIGHTS)}, {"head": codec}, *asked(labels, 100.0 * np.eye(3)[labels])) == {
        "head": 0.0
    }


def test_without_annotation_it_takes_all(codec: Codec) -> None:
    batches, examples, encodings = asked(*drawn(10))
    bare = [Example(text="x", labels={}, source="") for _ in examples]
    assert fit_shares({"head": np.log(WEIGHTS)}, {"head": codec}, batches, bare, encodings) == {"head": WHOLE}


@given(share=st.sampled_from(SHARES), shift=st.lists(st.floats(-9, 9), min_size=3, max_size=3))
@settings(max_examples=30)
def test_what_is_taken_off_was_added(share: float, shift: list[float]) -> None:
    plain = np.random.default_rng(1).normal(size=(4, 5, 3)).astype(np.float32)
    other = {"logits": plain.copy()}
    computed = Computed(
        outputs={
            "head": {"logits": plain + (share * np.array(shift)).astype(np.float32), "more": plain},
            "other": other,
        },
        vectors=np.zeros((4, 1)),
    )
    found = corrected(computed, corrections({"head": np.array(shift)}, {"head": share})).outputs
    np.testing.assert_allclose(found["head"]["logits"], plain, atol=1e-5)
    assert found["head"]["more"] is plain
    assert found["other"] is other


def test_the_network_takes_it_off_in_eval_mode_only(trained: Any) -> None:
    network: Any = load(trained.model_dir, runtime="torch").network
    model, tokens = network.model, network.tokenizer.encode(["book a table"])
    model.correct({})
    before = network.run(tokens).outputs["ner"]["logits"]
    offsets = np.arange(before.shape[-1], dtype=np.float32)
    model.correct({"ner": Correction(share=1.0, offsets=offsets.tolist())})
    np.testing.assert_allclose(network.run(tokens).outputs["ner"]["logits"], before - offsets, atol=1e-5)
    assert "offsets_ner" not in model.state_dict()
    model.train()
    encoded = model.encode(_tokens(tokens, model))
    assert torch.equal(model.read(encoded)["ner"]["logits"], model.heads["ner"].eval()(encoded)["logits"])


def _tokens(encodings: Any, model: Any) -> Any:
    from nlu_kit.data.batch import collate_tokens

    for dropout in model.modules():
        if isinstance(dropout, torch.nn.Dropout):
            dropout.p = 0.0
    model.heads["ner"].eval()
    return collate_tokens(encodings, pad_id=model.backbone.pad_id, device=torch.device("cpu"))


def test_a_run_stores_it_and_both_runtimes_use_it(write_pipeline: Any, tmp_path: Path) -> None:
    """With a share that is asked for, so that it does not depend on what dev likes."""
    from nlu_kit.training.run import train

    training = {"epochs": 2, "export": True}
    file = write_pipeline(tmp_path, training=training, decoding={"prior_correction": 0.5})
    end = train(file, runs=tmp_path / "runs")
    stored = json.loads((end.model_dir / DESCRIPTION).read_text("utf-8"))
    assert set(stored["corrections"]) == {"ner"}
    assert stored["corrections"]["ner"]["share"] == 0.5
    assert len(stored["corrections"]["ner"]["offsets"]) == len(stored["labels"]["ner"])
    predictors = [load(end.model_dir, runtime=runtime) for runtime in ("torch", "onnx")]
    texts = ["book a table in Paris", "play some jazz now"]
    encodings = predictors[0].network.tokenizer.encode(texts)
    torchs, onnxs = (predictor.network.run(encodings).outputs["ner"]["logits"] for predictor in predictors)
    np.testing.assert_allclose(torchs, onnxs, atol=1e-4)
    without: Any = predictors[0].network
    without.model.correct({})
    offsets = stored["corrections"]["ner"]["offsets"]
    np.testing.assert_allclose(
        without.run(encodings).outputs["ner"]["logits"] - torchs, np.broadcast_to(offsets, torchs.shape), atol=1e-4
    )


@pytest.mark.parametrize(
    ("correction", "said"),
    [
        ({"share": 1.0, "offsets": [0.0]}, "one offset for each label"),
        ({"share": 1.0, "offsets": [float("nan")] * 7}, "NaN"),
        ({"offsets": []}, "share"),
    ],
)
def test_a_folder_whose_correction_makes_no_sense_is_refused(
    trained: Any, tmp_path: Path, correction: Any, said: str
) -> None:
    import shutil

    from tests.model.test_folder import rewrite

    folder = Path(shutil.copytree(trained.model_dir, tmp_path / "copy"))
    rewrite(folder, DESCRIPTION, lambda value: value.__setitem__("corrections", {"ner": correction}))
    with pytest.raises(ModelError, match=said):
        load(folder, runtime="torch")
