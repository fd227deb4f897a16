"""A few examples in each format, for `nlu-kit plugins check`."""

from __future__ import annotations

import json
from pathlib import Path

from nlu_kit_readers.parallel import INTENTS, TAGS, TEXTS

_RECORDS: list[dict[str, object]] = [
    {"text": "book a table", "intent": "book_table", "entities": []},
    {"text": "play some hip hop", "intent": "play_music", "entities": [{"start": 10, "end": 17, "label": "genre"}]},
    {
        "text": "a café in Paris?",
        "intent": ["book_table", "ask"],
        "entities": [{"start": 10, "end": 15, "label": "city"}],
    },
    {"text": "hm", "mood": "unsure"},
]
_LINES = (
    ("book a table", "O O O", "book_table"),
    ("play some hip hop", "O O B-genre I-genre", "play_music"),
    ("a café in Paris", "O O O B-city", "book_table"),
)


def sample_jsonl(folder: Path) -> Path:
    """Write sample.jsonl."""
    file = folder / "sample.jsonl"
    file.write_text("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in _RECORDS), encoding="utf-8")
    return file


def sample_parallel(folder: Path) -> Path:
    """Write the three files into the folder itself."""
    for name, lines in zip((TEXTS, TAGS, INTENTS), zip(*_LINES, strict=True), strict=True):
        (folder / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return folder


def sample_text(folder: Path) -> Path:
    file = folder / "sample.txt"
    file.write_text("# greet\nhi\n\n# book_table\nbook a table in [Paris](city)\n", encoding="utf-8")
    return file
