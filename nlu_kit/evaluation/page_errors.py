"""The errors on the page: cards with annotation and prediction in the text, and controls to choose among them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nlu_kit.evaluation.errors import Error
from nlu_kit.report.highlight import Marked, highlight
from nlu_kit.report.html import section
from nlu_kit.report.svg import tag, text

CARDS = 500
_SPAN = {"start", "end", "label"}

Tags = Mapping[str, str]


def errors_section(errors: Sequence[Error], kinds: Mapping[str, int]) -> str:
    """At most CARDS of them. Without a script all are shown, and the controls are not."""
    shown = errors[:CARDS]
    tags = {f"kind {kind}": f"k{number}" for number, kind in enumerate(kinds)}
    labels = sorted({label for error in shown for label in error["labels"]})
    tags |= {f"label {label}": f"l{number}" for number, label in enumerate(labels)}
    note = "The worst first: those of which the model was most sure. "
    if len(shown) < len(errors):
        note += f"The first {CARDS} of {len(errors):,}; all are in errors.jsonl. "
    note += "An utterance may have several errors."
    cards = tag("ol", *(card(error, tags=tags) for error in shown), class_="cards", id="cards")
    return section("Errors", _controls(kinds, labels, tags), cards, note=note)


def _controls(kinds: Mapping[str, int], labels: Sequence[str], tags: Tags) -> str:
    every = tag("option", "all", value="")
    by_kind = [tag("option", text(f"{kind} ({count:,})"), value=tags[f"kind {kind}"]) for kind, count in kinds.items()]
    by_label = [tag("option", text(label), value=tags[f"label {label}"]) for label in labels]
    return tag(
        "form",
        tag("label", "kind", tag("select", every, *by_kind)),
        tag("label", "label", tag("select", every, *by_label)),
        tag("label", "text", tag("input", type="search", autocomplete="off")),
        tag("output"),
        class_="filter",
        id="filter",
        hidden="",
    )


def card(error: Error, *, tags: Tags | None = None) -> str:
    """An utterance as a list item."""
    names = [*(f"kind {kind}" for kind in error["kinds"]), *(f"label {label}" for label in error["labels"])]
    own = " ".join(sorted({tags[name] for name in names if name in tags})) if tags is not None else None
    sides = {"annotated": error["gold"], "predicted": error["predicted"]}
    return tag("li", comparison(error["text"], sides), _facts(error), class_="card", data_tags=own)


def comparison(content: str, sides: Mapping[str, Mapping[str, Any]]) -> str:
    """The first side is the annotation; each further one is shown where it differs from that."""
    gold = next(iter(sides.values()))
    lines, marked = [], False
    for field in gold:
        values = {side: fields.get(field) for side, fields in sides.items()}
        if any(map(are_spans, values.values())):
            marked = True
            lines += _span_lines(content, field, values, several=_span_fields(sides) > 1)
        else:
            lines += _other_lines(field, values)
    first = "" if marked else tag("p", highlight(content, ()))
    return first + tag("dl", *lines)


def are_spans(value: Any) -> bool:
    """A list of objects with offsets, and not empty."""
    return isinstance(value, list) and bool(value) and all(isinstance(v, dict) and v.keys() >= _SPAN for v in value)


def _span_fields(sides: Mapping[str, Mapping[str, Any]]) -> int:
    return len({field for fields in sides.values() for field, value in fields.items() if are_spans(value)})


def _span_lines(content: str, field: str, values: Mapping[str, Any], *, several: bool) -> list[str]:
    keys = {side: {_key(span) for span in value or ()} for side, value in values.items()}
    gold, *others = keys
    lines = []
    for side, value in values.items():
        if side != gold and keys[side] == keys[gold]:
            continue
        against = (
            keys[gold]
            if side != gold
            else set.intersection(*(keys[other] for other in others))
            if others
            else keys[gold]
        )
        marks = [Marked(*_key(span), wrong=_key(span) not in against) for span in value or ()]
        name = f"{side} {field}" if several else side
        lines += [tag("dt", text(name)), tag("dd", highlight(content, marks))]
    return lines


def _key(span: Mapping[str, Any]) -> tuple[int, int, str]:
    return span["start"], span["end"], span["label"]


def _other_lines(field: str, values: Mapping[str, Any]) -> list[str]:
    gold, *others = values
    shown = [tag("span", text(_named(values[gold])))]
    for side in others:
        if _named(values[side]) != _named(values[gold]):
            got = tag("span", text(_named(values[side])), class_="verdict wrong s2")
            shown.append(tag("span", text(f" · {side} "), got, text(_confidence(values[side]))))
    return [tag("dt", text(field)), tag("dd", *shown)]


def _named(value: Any) -> str:
    if isinstance(value, dict) and "name" in value:
        return str(value["name"])
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(_named(item) for item in value) or "none"
    return "none" if value is None else str(value)


def _confidence(value: Any) -> str:
    return f" {value['confidence']:.2f}" if isinstance(value, dict) and "confidence" in value else ""


def _facts(error: Error) -> str:
    facts = [", ".join(dict.fromkeys(error["kinds"]))]
    if error["confidence"] is not None:
        facts.append(f"confidence {error['confidence']:.2f}")
    if error["truncated"]:
        facts.append("longer than the model reads")
    return tag("p", text(" · ".join([*facts, error["source"]] if error["source"] else facts)), class_="facts")
