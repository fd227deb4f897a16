"""Writes data/: requests to a heating system, as tables.

    python make_data.py

Train, dev and test share no sentence.
"""

from __future__ import annotations

import csv
import random
import re
from pathlib import Path

PATTERNS = {
    "set_temperature": [
        "set the <room> to <degrees>", "make it <degrees> in the <room>", "i want <degrees> in the <room> <time>",
        "heat the <room> to <degrees> <time>", "<degrees> in the <room>, please",
    ],
    "switch_off": [
        "turn off the heating in the <room>", "no heating in the <room> <time>", "switch the <room> off <time>",
        "the <room> needs no heating, switch it off", "heating off",
    ],
    "ask_temperature": [
        "how warm is it in the <room>", "what is the temperature in the <room>", "is the <room> above <degrees>",
        "how warm was the <room> <time>", "is it cold in the <room>",
    ],
}  # fmt: skip
VALUES = {
    "room": ["kitchen", "bathroom", "living room", "hall", "bedroom", "office", "garage", "attic", "guest room"],
    "degrees": [f"{number} degrees" for number in range(15, 27)] + ["twenty degrees", "eighteen degrees"],
    "time": ["tonight", "tomorrow morning", "at seven", "after lunch", "on sunday", "at noon", "at half past six"],
}
SIZES = {"train": 60, "dev": 15, "test": 20}  # sentences for each intent
SLOT = re.compile(r"<(\w+)>")


def main() -> None:
    """The same three files at every call."""
    generator, used = random.Random(1859), set[str]()
    folder = Path(__file__).parent / "data"
    folder.mkdir(exist_ok=True)
    for split, size in SIZES.items():
        found = [row for intent in PATTERNS for row in some(generator, intent, size, used)]
        generator.shuffle(found)
        with (folder / f"{split}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["utterance", "intent", "entities"])
            writer.writerows(found)


def some(generator: random.Random, intent: str, size: int, used: set[str]) -> list[tuple[str, str, str]]:
    """``size`` rows with this intent, none of whose sentences is in ``used``."""
    found: list[tuple[str, str, str]] = []
    while len(found) < size:
        text, entities = filled(generator, generator.choice(PATTERNS[intent]))
        if text not in used:
            used.add(text)
            found.append((text, intent, entities))
    return found


def filled(generator: random.Random, pattern: str) -> tuple[str, str]:
    """The sentence, and its entities as a cell has them."""
    text, cell, position = "", [], 0
    for match in SLOT.finditer(pattern):
        text += pattern[position : match.start()]
        position = match.end()
        value = generator.choice(VALUES[match[1]])
        cell.append(f"{len(text)}-{len(text) + len(value)}:{match[1]}")
        text += value
    return text + pattern[position:], " ".join(cell) or "-"


if __name__ == "__main__":
    main()
