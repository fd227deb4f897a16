"""The record of a finished cell, ``cells/<key>/cell.json``. It is written last and renamed into place: there or not."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nlu_kit.files import read_json, write_whole
from nlu_kit.metrics.counts import Counts

RECORD = "cell.json"
FORMAT = 2


def write_record(folder: Path, record: Mapping[str, Any]) -> None:
    write_whole(folder / RECORD, json.dumps({"format": FORMAT, **record}, ensure_ascii=False) + "\n")


def read_record(folder: Path, key: str) -> dict[str, Any] | None:
    """The record in ``folder``; None where there is none of this key and this format, or it is damaged."""
    try:
        record = read_json(folder / RECORD)
    except (OSError, ValueError):
        return None
    if not isinstance(record, dict) or (record.get("format"), record.get("key")) != (FORMAT, key):
        return None
    return record


def utterances_digest(texts: Sequence[str]) -> str:
    """Tells whether two runs were evaluated on the same utterances in the same order."""
    return hashlib.sha256(json.dumps(list(texts)).encode()).hexdigest()


def counts_to_json(counts: Counts) -> dict[str, list[float]]:
    """Both columns, one number for each utterance."""
    return {"numerators": counts.numerators.tolist(), "denominators": counts.denominators.tolist()}


def counts_from_json(stored: Mapping[str, Sequence[float]]) -> Counts:
    """Back from ``counts_to_json``."""
    return Counts(np.asarray(stored["numerators"], np.float64), np.asarray(stored["denominators"], np.float64))
