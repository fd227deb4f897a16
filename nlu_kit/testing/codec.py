"""The contract of a head's torch-free half: targets, decoding, metrics."""

from __future__ import annotations

import json
import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np

from nlu_kit.data.dataset import EncodedDataset, encode_dataset
from nlu_kit.data.encoding import Encoding
from nlu_kit.data.example import Example
from nlu_kit.data.labels import LabelSpace
from nlu_kit.data.prediction import OUT_OF_SCOPE, OUT_OF_SCOPE_SCORE, Prediction
from nlu_kit.errors import DataError
from nlu_kit.heads.codec import Codec, CodecContext
from nlu_kit.heads.label import LabelCodec
from nlu_kit.heads.label_set import LabelSetCodec
from nlu_kit.heads.spans import SpanCodec
from nlu_kit.testing.clauses import NotTried, clause
from nlu_kit.testing.isolated import place, run_isolated
from nlu_kit.testing.material import AWKWARD, encoded, random_arrays, tokenizer, usual_prediction, utterances
from nlu_kit.testing.trial import ComponentContract

NAME = "head"
RUBBISH = (7, 0.5, True, "", ["x"], {"a": 1}, [{"start": 0}], [None])
"""What stands in a field by mistake."""
_LEARNS_FROM = ((LabelCodec, "intent"), (LabelSetCodec, "intent"), (SpanCodec, "entities"))
RESERVED = {"text", "truncated", OUT_OF_SCOPE, OUT_OF_SCOPE_SCORE}
_DECODE = """
import numpy as np
from nlu_kit.data.encoding import Encoding, Word
from nlu_kit.data.labels import LabelSpace
from nlu_kit.plugin import CodecContext
labels = LabelSpace(tuple(task["labels"]))
context = CodecContext(name=task["name"], labels=labels, state=task["state"], reads=tuple(task["reads"]))
codec = find(task["codec"])(params, context)
encodings = [
    Encoding(text=text, ids=tuple(ids), words=tuple(Word(*word) for word in words), truncated=False)
    for text, ids, words in task["encodings"]
]
outputs = dict(np.load(sys.argv[2]))
if codec.reads:
    from nlu_kit.testing.material import usual_prediction
    others = [dict.fromkeys(codec.reads, usual_prediction(encoding)) for encoding in encodings]
    codec.decode_reading(outputs, encodings, others)
else:
    codec.decode(outputs, encodings)
"""


class CodecContract(ComponentContract, ABC):
    """The clauses of a codec, and what they are tried with."""

    @cached_property
    def examples(self) -> Sequence[Example]:
        """Annotated examples: those given, the spec's samples, or utterances with intents and entities. For a head of
        a family that names another field, these stand in that one."""
        if self.trial.examples is not None:
            return self.trial.examples
        if self.spec.samples is not None:
            return list(self.spec.samples(self.params))
        codec = self.codec_of(LabelSpace(()))
        learns_from = next((field for family, field in _LEARNS_FROM if isinstance(codec, family)), None)
        if learns_from is None or self.params.field in ("intent", "entities"):
            return utterances()
        return [replace(each, labels={self.params.field: each.get(learns_from)}) for each in utterances()]

    @cached_property
    def labels(self) -> LabelSpace:
        try:
            return self.fitted(self.examples)
        except DataError as error:
            hint = "set `samples` in the spec, or pass examples"
            raise NotTried(f"it finds nothing to learn in the examples it is tried with ({error}): {hint}") from error

    def fitted(self, examples: Sequence[Example]) -> LabelSpace:
        """The label space of these examples."""
        return self.codec_of(LabelSpace(())).fit_labels(examples)

    def codec(self, state: Mapping[str, Any] | None = None) -> Codec[Any]:
        return self.codec_of(self.labels, state)

    def codec_of(self, labels: LabelSpace, state: Mapping[str, Any] | None = None) -> Codec[Any]:
        """With this label space. A class that lacks a method can't be made, and says which."""
        reads = tuple(self.spec.reads(self.params))
        context = CodecContext(name=NAME, labels=labels, state=state or {}, reads=reads)
        codec: Codec[Any] = self.spec.codec(self.params, context)
        return codec

    def dataset_of(self, examples: Sequence[Example]) -> EncodedDataset:
        return encode_dataset(examples, tokenizer(), {NAME: self.codec()})

    @cached_property
    def dataset(self) -> EncodedDataset:
        return self.dataset_of(self.examples)

    @cached_property
    def bare(self) -> list[Example]:
        """The examples without any annotation."""
        return [replace(example, intent=None, entities=None, labels={}) for example in self.examples]

    def decode(
        self, codec: Codec[Any], outputs: Mapping[str, np.ndarray], encodings: Sequence[Encoding]
    ) -> list[Mapping[str, Any]]:
        """As the core does: with what other heads decoded, where it reads some. Here these decode as if they were the
        bundled ones, finding an entity in each of the first words."""
        if not codec.reads:
            return codec.decode(outputs, encodings)
        others = [dict.fromkeys(codec.reads, usual_prediction(encoding)) for encoding in encodings]
        return codec.decode_reading(outputs, encodings, others)

    def json_state(self, state: Mapping[str, Any]) -> Any:
        """The state as model.json gives it back."""
        return json.loads(json.dumps(dict(state), allow_nan=False))

    def awkward(self) -> Iterator[list[Encoding]]:
        """Each awkward text alone, then all of them together."""
        encodings = encoded(AWKWARD)
        yield from ([encoding] for encoding in encodings)
        yield encodings

    @abstractmethod
    def shapes(self) -> dict[str, Sequence[int]]:
        """Shape of each output for one text, by name; an axis of size -1 counts tokens. Needs the torch half."""

    def require_predictions(self, codec: Codec[Any], found: Any, count: int) -> None:
        """Raises AssertionError unless these are predictions for so many texts."""
        assert len(found) == count, f"{len(found)} predictions for {count} texts"
        for fields in found:
            assert set(fields) == set(codec.fields), f"fields {sorted(fields)}, expected {sorted(codec.fields)}"
            record = Prediction(text="", truncated=False, fields=fields).to_json()
            json.dumps(record, allow_nan=False)

    # --- clauses ------------------------------------------------------------------------------------------------------

    @clause
    def fit(self) -> None:
        """The label space does not depend on the order of the examples, and without any annotation `fit_labels` raises
        DataError or gives an empty one."""
        forwards = self.labels  # says what to do where there is nothing to learn
        backwards = self.fitted(self.examples[::-1])
        self.require(backwards == forwards, f"{forwards.names} and, of the reverse, {backwards.names}")
        try:
            empty = self.fitted(self.bare)
        except DataError:
            return
        self.require(len(empty) == 0 or empty == self.labels, f"without annotation it is {empty.names}")

    @clause
    def fields(self) -> None:
        """The codec names the fields it fills, none of them reserved (`text`, `truncated`, `out_of_scope`,
        `out_of_scope_score`), and the figure that model selection looks at."""
        codec = self.codec()
        self.require(codec.fields, "it fills no field")
        taken = RESERVED & set(codec.fields)
        self.require(not taken, f"it fills {', '.join(sorted(taken))}")
        self.require(isinstance(codec.main_metric, str) and codec.main_metric, f"main_metric is {codec.main_metric!r}")

    @clause
    def reads(self) -> None:
        """What the spec says that it reads of other heads is what the codec `reads`: it keeps `context.reads`."""
        said, kept = tuple(self.spec.reads(self.params)), tuple(self.codec().reads)
        self.require(said == kept, f"the spec says {list(said)}, the codec {list(kept)}")

    @clause
    def targets(self) -> None:
        """Targets have the same names, types and numbers of axes for every example: int64 with IGNORE, or float32 with
        NaN, where there is no target. Where there is a target `labels`, it holds nothing else without annotation."""
        codec = self.codec()
        seen: dict[str, tuple[Any, int]] = {}
        for examples, masked in ((self.examples, False), (self.bare, True)):
            for example, encoding in zip(examples, encoded([e.text for e in examples]), strict=True):
                for name, array in codec.targets(example, encoding).items():
                    kind = (array.dtype, array.ndim)
                    self.require(array.dtype in (np.int64, np.float32), f"'{name}' is {array.dtype}")
                    self.require(seen.setdefault(name, kind) == kind, f"'{name}' is {kind}, and {seen[name]} elsewhere")
                    empty = np.isnan(array) if array.dtype == np.float32 else array < 0
                    unmasked = masked and name == "labels" and not empty.all()
                    self.require(not unmasked, "'labels' has targets without annotation")
        self.require(seen, "there are none")

    @clause
    def wrong_annotation(self) -> None:
        """Annotation of a wrong type raises DataError with the example's `source` in its message, or is taken for what
        it may mean; nothing else is raised."""
        codec, example = self.codec(), self.examples[0]
        (encoding,) = encoded([example.text])
        for field in dict.fromkeys([*example.labels, *codec.fields]):
            for value in RUBBISH:
                wrong = replace(example, labels={**example.labels, field: value}, source="corpus.jsonl:7")
                try:
                    self.fitted([*self.examples, wrong])
                    codec.targets(wrong, encoding)
                    codec.gold(wrong)
                except DataError as error:
                    self.require("corpus.jsonl:7" in str(error), f"for {value!r}: {error}")
                except Exception as error:  # noqa: BLE001 - whatever it is, it is what the clause is about
                    self.require(False, f"for {value!r}: {type(error).__name__}: {error}")

    @clause
    def gold_is_right(self) -> None:
        """The annotation in the form of a prediction (`gold`) is right by the codec's own judgement: `matches` says
        True, the main metric is 1, and every figure is in [0, 1]."""
        codec = self.codec()
        golds = [codec.gold(example) for example in self.examples]
        known = [(example, gold) for example, gold in zip(self.examples, golds, strict=True) if gold is not None]
        self.require(known, "no example has one")
        for example, gold in known:
            self.require(codec.matches(example, self._whole(codec, gold)) is True, f"not for {example.text!r}")
        examples, predictions = [e for e, _ in known], [self._whole(codec, gold) for _, gold in known]
        scores = self.scores(codec, examples, predictions)
        self.require(codec.main_metric in scores, f"there is no '{codec.main_metric}' among {sorted(scores)}")
        self.require(math.isclose(scores[codec.main_metric], 1), f"{codec.main_metric} is {scores[codec.main_metric]}")
        for name, value in scores.items():
            self.require(0 <= value <= 1, f"{name} is {value}")

    def scores(
        self, codec: Codec[Any], examples: Sequence[Example], predictions: Sequence[Mapping[str, Any]]
    ) -> dict[str, float]:
        """The figures, of ``counts`` that are one for each utterance, and of ``figures``."""
        found: dict[str, float] = dict(codec.figures(examples, predictions))
        for name, counts in codec.counts(examples, predictions).items():
            for column in counts:
                shape = np.shape(column)
                self.require(shape == (len(examples),), f"counts of '{name}': {shape} for {len(examples)} utterances")
            self.require((counts.numerators <= counts.denominators).all(), f"'{name}' counts more than there is")
            found[name] = counts.value
        return found

    def _whole(self, codec: Codec[Any], gold: Mapping[str, Any]) -> Mapping[str, Any]:
        """Fields that a gold annotation leaves out (a ranking) are empty."""
        return {**dict.fromkeys(codec.fields, ()), **gold}

    @clause
    def nothing_annotated(self) -> None:
        """Without annotation nothing is measured: `gold` and `matches` are None, `counts` count nothing,
        `confidence_pairs` are empty, and nothing is unlearnable or unseen."""
        codec, encodings = self.codec(), encoded([example.text for example in self.bare])
        prediction = self._whole(codec, next(filter(None, map(codec.gold, self.examples)), {}))
        for example, encoding in zip(self.bare, encodings, strict=True):
            self.require(codec.gold(example) is None, f"gold is {codec.gold(example)!r}")
            self.require(codec.matches(example, prediction) is None, "matches judges")
            self.require(not codec.confidence_pairs(example, prediction), "confidence_pairs has some")
            self.require(not codec.unlearnable(example, encoding), "something is unlearnable")
            self.require(not codec.unseen(example), "something is unseen")
        predictions = [prediction] * len(self.bare)
        counted = [name for name, c in codec.counts(self.bare, predictions).items() if c.denominators.any()]
        self.require(not counted, f"counts count {', '.join(counted)}")
        figures = codec.figures(self.bare, predictions)
        self.require(not figures, f"figures gives {dict(figures)}")

    @clause
    def decode_total(self) -> None:
        """Any finite numbers decode, for any text: zeros, huge ones, all the same. There is one prediction per text,
        with exactly the fields named, and it can be written as JSON; the same numbers give the same prediction."""
        codec, trained = self.codec(), self.shapes()
        for encodings in self.awkward():
            longest = max(len(encoding) for encoding in encodings)
            for arrays in self._arrays(trained, len(encodings), longest):
                found = self.decode(codec, arrays, encodings)
                self.require_predictions(codec, found, len(encodings))
                self.require(
                    found == self.decode(codec, arrays, encodings), "twice the same numbers decode differently"
                )

    def _arrays(self, shapes: Mapping[str, Sequence[int]], count: int, longest: int) -> Iterator[dict[str, np.ndarray]]:
        """All outputs at once, of each kind of numbers; an axis of size -1 counts tokens."""
        sized = {name: (count, *(longest if size < 0 else size for size in shape)) for name, shape in shapes.items()}
        columns = {name: random_arrays(shape, seed=seed) for seed, (name, shape) in enumerate(sized.items())}
        yield from (dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True))

    @clause
    def decode_without_torch(self) -> None:
        """Building the codec and decoding import neither torch nor transformers: a runtime without them serves the same
        model."""
        encodings = encoded(["book a table in Paris"])
        task = {
            "params": place(self.spec.params),
            "codec": place(self.spec.codec),
            "section": dict(self.trial.section),
            "labels": self.labels.names,
            "name": NAME,
            "state": {},
            "reads": list(self.spec.reads(self.params)),
            "encodings": [[e.text, e.ids, [[w.token, w.stop, w.start, w.end] for w in e.words]] for e in encodings],
        }
        done = run_isolated(_DECODE, task, next(self._arrays(self.shapes(), 1, len(encodings[0]))))
        self.require(not done.error, f"it fails in a process of its own: {done.error}")
        self.require(not done.imported, f"it imports {done.imported}")

    @clause
    def calibrates_to_json(self) -> None:
        """`calibrate` gives JSON, and a codec with that as its state decodes any finite numbers, too."""
        codec, encodings = self.codec(), self.dataset.encodings
        longest = max(len(encoding) for encoding in encodings)
        targets = [row[NAME] for row in self.dataset.targets]
        _, usual, *_ = self._arrays(self.shapes(), len(encodings), longest)
        outputs = [{name: array[row] for name, array in usual.items()} for row in range(len(encodings))]
        state = self.json_state(codec.calibrate(outputs, targets))
        found = self.decode(self.codec(state), usual, encodings)
        self.require_predictions(codec, found, len(encodings))
