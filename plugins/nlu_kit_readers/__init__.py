"""Corpora: jsonl (ours) and parallel (the folder that SNIPS and ATIS come in). No torch, no numpy."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from nlu_kit.plugin import ReaderSpec, hookimpl, is_jsonl
from nlu_kit_readers.jsonl import read_jsonl
from nlu_kit_readers.parallel import is_parallel, read_parallel
from nlu_kit_readers.params import JsonlParams, ParallelParams
from nlu_kit_readers.sample import sample_jsonl, sample_parallel

NLU_KIT_CONTRACT = 2


@hookimpl
def nlu_kit_readers() -> Iterable[ReaderSpec[Any]]:
    return [
        ReaderSpec(
            name="jsonl",
            summary="A file with one JSON object a line: text, intent, entities with character offsets.",
            params=JsonlParams,
            read=read_jsonl,
            detect=is_jsonl,
            sample=sample_jsonl,
        ),
        ReaderSpec(
            name="parallel",
            summary="A folder with seq.in (texts), seq.out (BIO tags) and label (intents), line by line.",
            params=ParallelParams,
            read=read_parallel,
            detect=is_parallel,
            sample=sample_parallel,
        ),
    ]
