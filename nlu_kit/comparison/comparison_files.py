"""compare.json (everything), compare.csv (a row for each run) and compare.html (for people)."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nlu_kit.comparison.comparison_page import compare_page
from nlu_kit.files import write_whole


def write_files(output: Path, summary: Mapping[str, Any]) -> list[Path]:
    """Write the three files and name them; each is replaced as a whole."""
    texts = {
        "compare.json": json.dumps(summary, indent=1, ensure_ascii=False) + "\n",
        "compare.csv": csv_text(summary),
        "compare.html": compare_page(summary),
    }
    for name, text in texts.items():
        write_whole(output / name, text)
    return [output / name for name in texts]


def csv_text(summary: Mapping[str, Any]) -> str:
    """A row per run: the varied values, the seed, every figure in [0, 1], and what it cost."""
    runs = summary["runs"]
    values = {row["number"]: row["values"] for row in summary["combinations"]}
    figures = list(dict.fromkeys(name for run in runs for name in run["scores"]))
    costs = ["best_epoch", "epochs_run", "reason", "seconds", "peak_memory_mb", "device", "precision", "run"]
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["combination", *summary["vary"], "seed", "evaluated_on", *figures, *costs])
    for run in runs:
        chosen = (values[run["combination"]][path] for path in summary["vary"])
        written = [value if isinstance(value, str) else json.dumps(value) for value in chosen]
        scores = [run["scores"].get(name, "") for name in figures]
        writer.writerow(
            [run["combination"], *written, run["seed"], run["evaluated_on"], *scores, *(run[name] for name in costs)]
        )
    return stream.getvalue()
