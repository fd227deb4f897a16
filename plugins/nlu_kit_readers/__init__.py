"""Corpora: jsonl (ours), text (written by hand), parallel (the folder that SNIPS and ATIS come in). No torch."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from nlu_kit.plugin import Params, ReaderSpec, hookimpl, is_jsonl, lazy

NLU_KIT_CONTRACT = 2


class JsonlParams(Params):
    """``jsonl`` has no parameters."""


class TextParams(Params):
    """``text`` has no parameters."""


class ParallelParams(Params):
    """``parallel`` has no parameters."""


@hookimpl
def nlu_kit_readers() -> Iterable[ReaderSpec[Any]]:
    return [
        ReaderSpec(
            name="jsonl",
            summary="A file with one JSON object a line: text, intent, entities with character offsets.",
            params=JsonlParams,
            read=lazy("nlu_kit_readers.jsonl:read_jsonl"),
            detect=is_jsonl,
            sample=lazy("nlu_kit_readers.sample:sample_jsonl"),
        ),
        ReaderSpec(
            name="text",
            summary="A .txt file with '# intent' above its sentences, one a line, and entities as `[Anna](person)`.",
            params=TextParams,
            read=lazy("nlu_kit_readers.marked:read_marked_text"),
            detect=lazy("nlu_kit_readers.marked:is_marked_text"),
            sample=lazy("nlu_kit_readers.sample:sample_text"),
        ),
        ReaderSpec(
            name="parallel",
            summary="A folder with seq.in (texts), seq.out (BIO tags) and label (intents), line by line.",
            params=ParallelParams,
            read=lazy("nlu_kit_readers.parallel:read_parallel"),
            detect=lazy("nlu_kit_readers.parallel:is_parallel"),
            sample=lazy("nlu_kit_readers.sample:sample_parallel"),
        ),
    ]
