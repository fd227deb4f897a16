"""What a run warns of before the first step: what can't be learnt, contradicts itself, flatters or has no use."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import Any

from nlu_kit.config.pipeline import Pipeline
from nlu_kit.corpus.split import ENOUGH
from nlu_kit.data.dataset import EncodedDataset
from nlu_kit.data.example import Example
from nlu_kit.data.findings import UNLEARNABLE_SHOWN, Finding, Unlearnable, contradictions, shared
from nlu_kit.data.printable import one_line
from nlu_kit.errors import did_you_mean
from nlu_kit.heads.codec import Codec, Codecs
from nlu_kit.model.build import model_layers
from nlu_kit.model.score import head_counts
from nlu_kit.training.adversarial import can_resume
from nlu_kit.training.duration import epochs_of
from nlu_kit.training.prepare import Prepared
from nlu_kit.training.run_lines import shown

SPLITS = ("train", "dev", "test")
_NAMED = 10  # labels


def data_findings(prepared: Prepared) -> list[Finding]:
    """What the data loses on its way to the model, and what does nothing: said once, never silently."""
    pipeline, codecs = prepared.pipeline, prepared.codecs
    found = [
        Finding(f"there is no head '{name}': {why}; name the heads in the pipeline, where that is what you want")
        for name, why in prepared.left_out.items()
    ]
    found += _scope(pipeline, prepared, codecs) + _learnt_scope(pipeline, codecs)
    found += _single(codecs) + _alike_labels(codecs) + _unread_fields(prepared.train.examples, codecs) + _idle(prepared)
    found += [Finding(said) for said in prepared.said]
    found += _selection(prepared)
    found += leaks({split: getattr(prepared, split).examples for split in SPLITS})
    for split in SPLITS:
        dataset: EncodedDataset = getattr(prepared, split)
        found += contradicting(split, dataset.examples, codecs)
        found += cut_off(split, dataset.truncated)
        for head, unlearnable in dataset.unlearnable.items():
            found += not_learnt(split, head, unlearnable)
        if split != "train" and len(dataset):
            for head, codec in codecs.items():
                found += unseen(split, head, codec, dataset.examples)
                golds = [codec.gold(example) or {} for example in dataset.examples]
                if not head_counts(head, codec, dataset.examples, golds):
                    said = f"{split}: nothing is annotated for '{head}', so it has no figures there"
                    found.append(Finding(said))
    return found


# --- what evaluate says, too ------------------------------------------------------------------------------------------


def not_learnt(split: str, head: str, unlearnable: Sequence[Unlearnable]) -> list[Finding]:
    """Annotations that a head can't learn, of which it says which they are."""
    reasons = "cut off, or inside a word, or overlapping, or too wide for it"
    count = _several(len(unlearnable), "annotation", "annotations")
    said = f"{split}: '{head}' can't learn {count}: {reasons}"
    return [Finding(said, [str(one) for one in unlearnable], shown=UNLEARNABLE_SHOWN)] if unlearnable else []


def unseen(split: str, head: str, codec: Codec[Any], examples: Sequence[Example]) -> list[Finding]:
    """Annotations with labels that train never had."""
    found = [(label, example) for example in examples for label in codec.unseen(example)]
    counts = Counter(one_line(label) for label, _ in found)
    named = ", ".join(f"{label} {count}" for label, count in counts.most_common(_NAMED))
    more = ", …" if len(counts) > _NAMED else ""
    annotations = _several(len(found), "annotation has a label", "annotations have labels")
    said = f"{split}: {annotations} that train never had for '{head}', counted as wrong ({named}{more})"
    return [Finding(said, [f"{example.source}: {one_line(label)}" for label, example in found])] if found else []


def contradicting(split: str, examples: Sequence[Example], codecs: Codecs) -> list[Finding]:
    """Texts that are there several times, annotated in several ways."""
    found = []
    for head, codec in codecs.items():
        groups = contradictions(examples, codec)
        texts = _several(len(groups), "text is", "texts are")
        said = f"{split}: {texts} annotated in several ways for '{head}', at most one of which can be right"
        found += [Finding(said, [_ways(ways, codec) for ways in groups])] if groups else []
    return found


def cut_off(split: str, examples: Sequence[Example]) -> list[Finding]:
    """Texts that are longer than the encoder reads."""
    said = f"{split}: {_several(len(examples), 'text is', 'texts are')} longer than the encoder reads and cut off"
    return [Finding(said, [example.source for example in examples])] if examples else []


def _ways(ways: Sequence[Example], codec: Codec[Any]) -> str:
    each = (f"{example.source} {_annotation(example, codec)}" for example in ways)
    return f"{one_line(ways[0].text)!r}: {', '.join(each)}"


def _annotation(example: Example, codec: Codec[Any]) -> str:
    return one_line(", ".join(shown(value) for value in (codec.gold(example) or {}).values()))


# --- what only a run can say ------------------------------------------------------------------------------------------


def leaks(splits: Mapping[str, Sequence[Example]]) -> list[Finding]:
    """Utterances that are on both sides of a split. Case and outer white space make no difference."""
    found = []
    for one, other in (("dev", "train"), ("test", "train"), ("test", "dev")):
        pairs = shared(splits[one], splits[other])
        all_or_some = f"all {len(pairs):,}" if len(pairs) == len(splits[one]) else f"{len(pairs):,} of the"
        said = f"{one}: {all_or_some} utterances are in {other}, too: its figures will flatter"
        places = [f"{here.source} is {there.source}: {one_line(here.text)!r}" for here, there in pairs]
        found += [Finding(said, places)] if pairs else []
    return found


def _selection(prepared: Prepared) -> list[Finding]:
    """What dev is, and what it is used for, where the pipeline leaves that open."""
    count, epochs = len(prepared.dev), epochs_of(prepared.pipeline)
    split_off = f"no data.dev: {count} examples were split off train" if prepared.corpus.dev_from_train else ""
    if prepared.selects or prepared.pipeline.training.model_selection == "last":
        return [Finding(f"{split_off} for early stopping" if prepared.selects else split_off)] if split_off else []
    rest = f"all {epochs} epochs are trained, and the last one is kept"
    if count:
        few = f"{split_off or f'dev has {count} examples'}, and {ENOUGH} are needed to choose the best epoch: {rest}"
        return [Finding(f"{few}; confidences and thresholds lean on what is known of such models")]
    return [
        Finding(f"no data.dev, and train is too small to split one off: all of it is trained on, {rest}"),
        Finding(
            "nothing is held out: confidences and thresholds are what is known of such models; how good this one is, "
            "nlu-kit evaluate --folds 5 measures"
        ),
    ]


def _single(codecs: Codecs) -> list[Finding]:
    """Heads with one label have nothing to decide."""
    return [
        Finding(f"train: '{head}' has one label, '{codec.labels.names[0]}', and gives it to every text")
        for head, codec in codecs.items()
        if codec.one_label and len(codec.labels) == 1
    ]


def _idle(prepared: Prepared) -> list[Finding]:
    if prepared.pipeline.training.fgm is None:
        return []
    backbone = prepared.objective.model.backbone
    may_train = prepared.freezing.may_train(model_layers(prepared.objective), 0, ())
    count = len(list(takewhile(lambda layer: f"model.backbone.{layer}" not in may_train, backbone.layers)))
    if count == 0 or can_resume(backbone, count):
        return []
    why = "this backbone can't go on above the layers that the freezing strategy never trains"
    if count == len(backbone.layers):
        why = "the freezing strategy never trains the encoder"
    return [Finding(f"training.fgm does nothing: {why}")]


def _scope(pipeline: Pipeline, prepared: Prepared, codecs: Codecs) -> list[Finding]:
    head = pipeline.watched
    if pipeline.detector is None or head is None:
        said = "the out-of-scope examples serve nothing: the pipeline has no detector"
        return [Finding(said)] if prepared.out_of_scope() else []
    labelled = any(codecs[head].gold(example) is not None for example in prepared.dev.examples)
    detector: Any = pipeline.detector
    if labelled or detector.params.threshold is not None or detector.provided.spec.learns:
        return []
    message = f"dev: nothing is annotated for '{head}', so that no threshold for what is out of scope can be tuned"
    return [Finding(message)]


def _learnt_scope(pipeline: Pipeline, codecs: Codecs) -> list[Finding]:
    """Heads that learn "none of them" as one label more. Those that read ``intent`` can't: there it is taken away."""
    named = pipeline.data.out_of_scope
    return [
        Finding(
            f"train: '{head}' learns '{label}' like any other label, for data.out_of_scope goes by the field 'intent'; "
            'where none of the labels is meant, give "out_of_scope": true in its place'
        )
        for head, entry in pipeline.heads.items()
        if entry.head.provided.spec.one_label  # type: ignore[attr-defined]
        for label in codecs[head].labels.names
        if label in named
    ]


def _alike_labels(codecs: Codecs) -> list[Finding]:
    """Labels that differ in case or outer white space only are classes of their own, and hardly ever meant so."""
    found = []
    for head, codec in codecs.items():
        first: dict[str, str] = {}
        for name in codec.labels.names:
            other = first.setdefault(name.strip().casefold(), name)
            if other != name:
                said = f"train: '{head}' has a label '{other}' and a label '{name}': is one of them a slip?"
                found.append(Finding(said))
    return found


def _unread_fields(examples: Sequence[Example], codecs: Codecs) -> list[Finding]:
    """Fields that no head reads, but whose name is close to one that a head does read."""
    read = {field for codec in codecs.values() for example in examples for field in codec.gold(example) or ()}
    counts = Counter(field for example in examples for field in example.labels if field not in read)
    return [
        Finding(
            f"train: no head reads the field '{field}' of {count} examples; {hint.strip()}",
            [example.source for example in examples if field in example.labels],
        )
        for field, count in sorted(counts.items())
        if (hint := did_you_mean(field, read))
    ]


def _several(count: int, one: str, many: str) -> str:
    return f"{count:,} {one if count == 1 else many}"
