"""How much quicker a training step gets with huge pages: ours against ours without them, on SNIPS, in turns.

python benchmarks/huge_pages.py            # writes benchmarks/results/huge_pages.json
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
from collections import defaultdict
from pathlib import Path

from corpora import REPOSITORY, cut
from machine import machine
from static_layers import run

from nlu_kit.training.huge_pages import VARIABLE

RESULTS = REPOSITORY / "benchmarks" / "results" / "huge_pages.json"
CELLS = {"without": "0", "with": "1"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--utterances", type=int, default=1500, help="how many of SNIPS' 13,084")
    arguments = parser.parse_args()
    rates: dict[str, list[float]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as train:
        cut("snips", "train", Path(train), arguments.utterances)
        for _ in range(arguments.rounds):
            for cell, value in CELLS.items():
                os.environ[VARIABLE] = value
                rates[cell] += run([f"data.train={train}", "freezing=discriminative", "detector=null"], 2)
                print(f"{cell}: {statistics.median(rates[cell]):.0f} utterances/s", flush=True)
    medians = {cell: statistics.median(values) for cell, values in rates.items()}
    result = {
        "machine": machine(),
        "utterances_per_second": {cell: round(value) for cell, value in medians.items()},
        "ratio": round(medians["with"] / medians["without"], 3),
        "all": {cell: [round(value) for value in values] for cell, values in rates.items()},
    }
    RESULTS.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
