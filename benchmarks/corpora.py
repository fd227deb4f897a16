"""Where the public corpora are: benchmarks read them from a folder beside the checkout, never from the package."""

from __future__ import annotations

import json
import os
from pathlib import Path

VARIABLE = "NLU_KIT_BENCHMARK_DATA"
REPOSITORY = Path(__file__).resolve().parent.parent


def corpus_folder(name: str) -> Path:
    """The folder of a corpus (``snips``, ``atis``, …). Exits with a message where it is absent."""
    root = Path(os.environ.get(VARIABLE, REPOSITORY.parent / "shared" / "data"))
    folder = root / name
    if not folder.is_dir():
        raise SystemExit(f"no corpus in {folder}: set {VARIABLE} to the folder that holds '{name}'")
    return folder


def clinc150(split: str, *, out_of_scope: bool = False) -> list[tuple[str, str]]:
    """(text, intent) of ``train``, ``val`` or ``test``; the out-of-scope ones have the intent ``oos``."""
    data = json.loads((corpus_folder("clinc150") / "data_full.json").read_text(encoding="utf-8"))
    return [(text, intent) for text, intent in data[f"oos_{split}" if out_of_scope else split]]


def write_clinc150(folder: Path) -> None:
    """CLINC150 ("full") as train.jsonl, dev.jsonl and test.jsonl, the out-of-scope texts with the intent ``oos``."""
    for split, name in (("train", "train"), ("dev", "val"), ("test", "test")):
        records = clinc150(name) + clinc150(name, out_of_scope=True)
        lines = (json.dumps({"text": text, "intent": intent}, ensure_ascii=False) + "\n" for text, intent in records)
        (folder / f"{split}.jsonl").write_text("".join(lines), encoding="utf-8")


def cut(name: str, split: str, folder: Path, utterances: int) -> None:
    """Write the first so many utterances of a corpus in parallel files into ``folder``; these corpora are shuffled."""
    for file in ("seq.in", "seq.out", "label"):
        lines = (corpus_folder(name) / split / file).read_text(encoding="utf-8").splitlines(keepends=True)
        (folder / file).write_text("".join(lines[:utterances]), encoding="utf-8")
