"""A codec that forgets a method can't be made, and its state is checked."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from nlu_kit.data.example import Example
from nlu_kit.data.labels import LabelSpace
from nlu_kit.heads.codec import Codec, CodecContext
from nlu_kit.heads.label import LabelCodec
from nlu_kit.heads.params import LabelParams
from nlu_kit.params import Params


class Forgetful(Codec[Params]):
    main_metric = "accuracy"


def test_a_forgotten_method_is_an_error_when_the_codec_is_made() -> None:
    with pytest.raises(TypeError, match="abstract") as caught:
        Forgetful(Params(), CodecContext(name="x", labels=LabelSpace(())))  # type: ignore[abstract]
    for name in ("counts", "decode", "fields", "gold", "matches", "targets"):
        assert name in str(caught.value)


@pytest.mark.parametrize("state", [{"temperature": 0.0}, {"temperature": float("inf")}, {"other": 1}])
def test_a_state_that_the_codec_does_not_take(state: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        LabelCodec(LabelParams(field="mood"), CodecContext(name="mood", labels=LabelSpace(("a",)), state=state))


def test_what_a_family_gives_to_eight_lines() -> None:
    class Shouting(LabelCodec[LabelParams]):
        def annotation(self, example: Example) -> str | None:
            return "loud" if example.text.isupper() else "quiet"

    examples = [Example(text="HELP"), Example(text="help"), Example(text="AH")]
    empty = Shouting(LabelParams(field="voice"), CodecContext(name="voice", labels=LabelSpace(())))
    labels = empty.fit_labels(examples)
    codec = Shouting(LabelParams(field="voice"), CodecContext(name="voice", labels=labels))
    golds = [codec.gold(example) or {} for example in examples]
    assert labels.names == ("loud", "quiet")
    assert codec.fields == ("voice", "voices")
    assert codec.counts(examples, golds)["accuracy"].value == 1
    assert codec.figures(examples, golds) == {"macro_f1": 1.0}
