"""Writes data/: requests about trips and songs with entities and the relations between these.

    python make_data.py

A pattern names its entities ``<name:label>`` and then lists its relations, ``label name>name``. In several patterns the
order of the entities says nothing, or the opposite: who reads only labels and order gets these wrong. Train, dev and
test share no sentence, and a third of the names in dev and test do not occur in train.
"""

from __future__ import annotations

import json
import random
import re
from pathlib import Path
from typing import Any

PATTERNS = [
    # a trip: route leads from the city where it starts to the one where it ends, leave and arrive from a city to a day
    ("fly from <a:city> to <b:city> on <d:day>", "route a>b, leave a>d"),
    ("i want to go to <b:city> from <a:city> on <d:day>", "route a>b, leave a>d"),
    ("a ticket to <b:city> please, i start in <a:city> on <d:day>", "route a>b, leave a>d"),
    ("get me from <a:city> to <b:city>", "route a>b"),
    ("is there a train to <b:city> from <a:city>", "route a>b"),
    ("i have to be in <b:city> on <d:day>, i live in <a:city>", "route a>b, arrive b>d"),
    ("leaving <a:city> on <d:day> and arriving in <b:city> on <e:day>", "route a>b, leave a>d, arrive b>e"),
    ("arrive in <b:city> on <e:day>, leaving <a:city> on <d:day>", "route a>b, leave a>d, arrive b>e"),
    ("from <a:city> to <b:city> and then on to <c:city> on <d:day>", "route a>b, route b>c, leave b>d"),
    ("which is warmer on <d:day>, <a:city> or <b:city>", ""),
    ("how far apart are <a:city> and <b:city>", ""),
    ("do not book <a:city> before <d:day>", ""),
    # music: by leads from a song to its artist
    ("play <s:song> by <p:artist>", "by s>p"),
    ("i want to hear <p:artist> with <s:song>", "by s>p"),
    ("play <p:artist> 's <s:song>", "by s>p"),
    ("<s:song> by <p:artist> and then <t:song> by <q:artist>", "by s>p, by t>q"),
    ("first <p:artist> with <s:song>, then <t:song> by <q:artist>", "by s>p, by t>q"),
    ("play <s:song>, but not the one by <p:artist>", ""),
    ("after <s:song> play anything by <p:artist>", ""),
    ("<s:song> and <t:song>, both by <p:artist>", "by s>p, by t>p"),
]
NAMES = {
    "city": "Paris,Rome,Oslo,New York,Berlin,Tel Aviv,Lima,Cairo,Boston,Vienna,Madrid,Cape Town",
    "day": "monday,tuesday,wednesday,thursday,friday,saturday,sunday,the first of may,christmas eve,tomorrow",
    "song": "Blue Skies,Hurt,Yesterday,So What,Misty,Rain Dogs,Jolene,Purple Rain,Fever,Halo,Crazy,Summertime",
    "artist": "Ella Fitzgerald,Johnny Cash,Miles Davis,Tom Waits,Prince,Peggy Lee,Nina Simone,Adele,Beck,Patsy Cline",
}
UNSEEN = {
    "city": "Prague,Kyoto,Dublin,San Diego,Lisbon,Quito",
    "day": "the second of june,new year's eve,today",
    "song": "Heroes,Golden Brown,Hallelujah,Dreams,Red Wine",
    "artist": "David Bowie,Leonard Cohen,Etta James,Sade,Norah Jones",
}
SIZES = {"train": 20, "dev": 4, "test": 6}  # sentences of each pattern
SLOT = re.compile(r"<(\w):(\w+)>")


def main() -> None:
    """The same three files at every call."""
    generator, used = random.Random(2017), set[str]()
    folder = Path(__file__).parent / "data"
    folder.mkdir(exist_ok=True)
    for split, size in SIZES.items():
        records = [
            record
            for pattern, relations in PATTERNS
            for record in some(generator, pattern, relations, split, size, used)
        ]
        generator.shuffle(records)
        lines = [json.dumps(record, ensure_ascii=False) + "\n" for record in records]
        (folder / f"{split}.jsonl").write_text("".join(lines), encoding="utf-8")


def some(
    generator: random.Random, pattern: str, relations: str, split: str, size: int, used: set[str]
) -> list[dict[str, Any]]:
    """``size`` sentences of the pattern, none of which is in ``used``."""
    found: list[dict[str, Any]] = []
    while len(found) < size:
        record = filled(generator, pattern, relations, split)
        if record["text"] not in used:
            used.add(record["text"])
            found.append(record)
    return found


def filled(generator: random.Random, pattern: str, relations: str, split: str) -> dict[str, Any]:
    """One sentence of the pattern, no name in it twice."""
    text, entities, free = "", dict[str, dict[str, Any]](), set[str]()
    position = 0
    for match in SLOT.finditer(pattern):
        text += pattern[position : match.start()]
        position = match.end()
        slot, label = match.groups()
        names = NAMES[label].split(",")
        if split != "train" and generator.random() < 0.3:
            names = UNSEEN[label].split(",")
        name = generator.choice([name for name in names if name not in free])
        free.add(name)
        entities[slot] = {"start": len(text), "end": len(text) + len(name), "label": label}
        text += name
    text += pattern[position:]
    pairs = [item.split(" ") for item in relations.split(", ") if item]
    return {
        "text": text,
        "entities": sorted(entities.values(), key=lambda entity: entity["start"]),
        "relations": [
            {"label": label, "head": span(entities[ends[0]]), "tail": span(entities[ends[-1]])} for label, ends in pairs
        ],
    }


def span(entity: dict[str, Any]) -> dict[str, int]:
    return {"start": entity["start"], "end": entity["end"]}


if __name__ == "__main__":
    main()
