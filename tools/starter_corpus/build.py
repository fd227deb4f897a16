"""Build the starter corpus that ships in ``nlu_kit/starter`` from the hand-written patterns.

    python tools/starter_corpus/build.py            # write train/dev/test.jsonl and the tables of the README
    python tools/starter_corpus/build.py --check    # exit 1 if the shipped files differ from a fresh build

Pattern files (``patterns/*.txt``)::

    == intent_name
    -- train | dev | test
    (can|could) you get me a table[ please]?      alternations and optional parts
    book {restaurant} on {date.on}                slots: {label} or {label.list}

Values live in ``patterns/values.txt``; a list headed ``== label !`` is held out: only dev and test draw from it.
A pattern belongs to one split. What would come out as a near-duplicate of another split's utterance is dropped: the
same set of words, the same letters once white space and punctuation are gone, or (from four words on) a Jaccard
similarity of the word sets of 0.8 or more.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PATTERNS = Path(__file__).resolve().parent / "patterns"
OUT = ROOT / "nlu_kit" / "starter"
SEED = "nlu-kit starter corpus 1"
#: Splits in the order in which they are built: train gives way when it collides with dev or test.
SPLITS = ("test", "dev", "train")
#: Utterances wanted per split: (with entities, without).
SIZES = {"train": (575, 1232), "dev": (88, 206), "test": (137, 313)}
#: At most this many utterances from one pattern line with slots.
MAX_EXPANSIONS = {"train": 5, "dev": 4, "test": 4}
#: After so many rounds over all lines ...
FULL_ROUNDS = {"train": 2, "dev": 1, "test": 1}
#: ... lines with labels rarer than this are dealt out first.
LABEL_GOAL = {"train": 46, "dev": 8, "test": 13}
#: How often dev and test draw from the held-out values; the rest comes from the lists that train uses too.
HELD_OUT_SHARE = 0.6
HELD_OUT_SHARE_CLOSED = 0.35
CLOSED_LABELS = ("date", "time", "duration", "party_size")
JACCARD_LIMIT = 0.8
TABLES = ("<!-- tables -->", "<!-- /tables -->")
FORBIDDEN = {"book a table in {city}", "book a table in paris"}

SLOT = re.compile(r"\{(\w+)(?:\.(\w+))?\}")
GROUP = re.compile(r"\(([^()]*)\)|\[([^\[\]]*)\]")
#: Words that are always (part of) an entity, so they must not stand outside a slot in a pattern.
ENTITY_WORDS = re.compile(
    r"\b(\d\w*|today|tomorrow|tonight|yesterday|(mon|tues|wednes|thurs|fri|satur|sun)day|weekend|weekday|noon|midnight"
    r"|midday|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|minutes?|hours?|euros?|dollars?"
    r"|this (morning|afternoon|evening|week|month)|next (week|month))\b",
    re.IGNORECASE,
)
OPEN_LABELS = ("city", "cuisine", "artist", "airline", "hotel", "restaurant", "playlist", "person")
SAME_WORD_OK = {"queen", "ten", "united", "delta", "swing", "steak", "german", "halo"}

TYPOS: dict[str, tuple[str, ...]] = {
    "account": ("acount",), "airport": ("aiport",), "alarm": ("alram", "alarme"), "available": ("availible",),
    "balance": ("balence",), "booking": ("bookin",), "cancel": ("cancle", "cansel"), "delivery": ("delivrey",),
    "dinner": ("diner",), "flight": ("fligth", "flght"), "forecast": ("forcast",), "friday": ("firday",),
    "goodbye": ("goodby",), "hotel": ("hotell",), "minutes": ("mintues", "minuts"), "money": ("mony",),
    "music": ("musci",), "package": ("pakage",), "password": ("pasword", "passwrd"), "people": ("ppl", "peple"),
    "playlist": ("playist", "play list"), "please": ("pls", "plz", "pleas"), "remind": ("remnid",),
    "reminder": ("remindr",), "reservation": ("reservaton", "resevation"), "reserve": ("reserv",),
    "restaurant": ("resturant", "restaraunt"), "restaurants": ("resturants",), "saturday": ("saterday",),
    "table": ("tabel",), "thanks": ("thanx", "thnks"), "timer": ("tiemr",),
    "tomorrow": ("tommorow", "tomorow"), "tonight": ("tonite",), "transfer": ("tranfer",), "tuesday": ("teusday",),
    "weather": ("weahter", "wether"), "wednesday": ("wensday",), "what": ("waht",), "with": ("wiht",), "you": ("u",),
}  # fmt: skip
FILLERS = ("um, ", "uh ", "hey, ", "ok, ", "so ", "hi, ", "well, ", "hey ")
NO_FILLER = {"greet", "goodbye", "thanks", "about_assistant"}

Segment = tuple[str, "str | None"]


@dataclass
class Line:
    """One pattern line: its intent, its split and the variants its alternations spell out."""

    intent: str
    split: str
    source: str
    where: str
    variants: list[str] = field(default_factory=list)
    made: int = 0

    @property
    def has_slots(self) -> bool:
        """True when the pattern carries entities."""
        return SLOT.search(self.source) is not None


@dataclass(frozen=True)
class Utterance:
    """A finished utterance: text segments, each with a label or None."""

    intent: str
    segments: tuple[Segment, ...]

    def as_json(self) -> str:
        """Return the utterance as one line of JSON."""
        entities, at = [], 0
        for text, label in self.segments:
            if label:
                entities.append({"start": at, "end": at + len(text), "label": label})
            at += len(text)
        row = {"text": "".join(t for t, _ in self.segments), "intent": self.intent, "entities": entities}
        return json.dumps(row, ensure_ascii=False)


def expand(text: str) -> list[str]:
    """Spell out every alternation ``(a|b)`` and optional part ``[x]`` of a pattern."""
    found = GROUP.search(text)
    if not found:
        return [re.sub(r"\s+", " ", text).strip()]
    choices = found[1].split("|") if found[1] is not None else ["", *found[2].split("|")]
    return [out for c in choices for out in expand(text[: found.start()] + c + text[found.end() :])]


def read_lines() -> list[Line]:
    """Read all pattern files."""
    lines: list[Line] = []
    for path in sorted(PATTERNS.glob("*.txt")):
        if path.name == "values.txt":
            continue
        intent = split = ""
        for number, raw in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if raw.startswith("== "):
                intent = raw[3:].strip()
            elif raw.startswith("-- "):
                split = raw[3:].strip()
            elif raw.strip() and not raw.startswith("# "):
                line = Line(intent, split, raw.strip(), f"{path.name}:{number}")
                line.variants = expand(line.source)
                random.Random(f"{SEED}|{line.source}").shuffle(line.variants)
                lines.append(line)
    return lines


def read_values() -> dict[tuple[str, str, bool], list[str]]:
    """Read the entity values as ``(label, list, held_out) -> values``."""
    values: dict[tuple[str, str, bool], list[str]] = {}
    key = ("", "", False)
    for raw in (PATTERNS / "values.txt").read_text(encoding="utf-8").splitlines():
        if raw.startswith("== "):
            name, _, mark = raw[3:].strip().partition(" ")
            label, _, sub = name.partition(".")
            key = (label, sub, mark == "!")
        elif raw.strip() and not raw.startswith("#"):
            values.setdefault(key, []).extend(v.strip() for v in raw.split("|") if v.strip())
    return values


def lint(lines: list[Line], values: dict[tuple[str, str, bool], list[str]]) -> list[str]:
    """Return complaints about entities written into a pattern without a slot."""
    names = {v.lower() for (label, _, _), vs in values.items() if label in OPEN_LABELS for v in vs} - SAME_WORD_OK
    known = re.compile(r"\b(" + "|".join(sorted(map(re.escape, names), key=lambda n: (-len(n), n))) + r")\b")
    problems = []
    for line in lines:
        rest = SLOT.sub("@", line.source).lower()
        for hit in (ENTITY_WORDS.search(rest), known.search(rest)):
            if hit:
                problems.append(f"{line.where}: {hit[0]!r} is an entity without a slot: {line.source}")
    return problems


class Values:
    """Draws entity values evenly: every list is dealt out like a deck of cards."""

    def __init__(self, values: dict[tuple[str, str, bool], list[str]], split: str) -> None:
        self.values, self.split = values, split
        self.rng = random.Random(f"{SEED}|values|{split}")
        self.decks: dict[tuple[str, str, bool], list[str]] = {}

    def pool(self, label: str, sub: str, held_out: bool) -> list[str]:
        """Return the values of a list; a slot without a list name takes all lists of its label."""
        pool = [
            v for (la, s, h), vs in self.values.items() if la == label and h == held_out and sub in ("", s) for v in vs
        ]
        if held_out:  # dev takes every third held-out value, test the others
            pool = [v for i, v in enumerate(pool) if (i % 3 == 2) == (self.split == "dev")] or pool
        return pool

    def draw(self, label: str, sub: str, taken: set[str]) -> str:
        """Return the next value for a slot, not one of those already in the utterance."""
        share = HELD_OUT_SHARE_CLOSED if label in CLOSED_LABELS else HELD_OUT_SHARE
        held_out = self.split != "train" and self.rng.random() < share
        held_out = held_out and bool(self.pool(label, sub, True))
        key = (label, sub, held_out)
        for _ in range(50):
            if not self.decks.get(key):
                self.decks[key] = self.pool(*key)
                if not self.decks[key]:
                    raise SystemExit(f"no values for {{{label}.{sub}}}")
                self.rng.shuffle(self.decks[key])
            value = self.decks[key].pop()
            if value not in taken:
                return value
        raise SystemExit(f"too few values for {{{label}.{sub}}}")


def fill(template: str, values: Values) -> list[Segment]:
    """Put values into the slots of a template (and turn "a" into "an" where the value asks for it)."""
    segments: list[Segment] = []
    at = 0
    taken: set[str] = set()
    songs = [values.draw("song", "", set()) for _ in range(template.count("{song}"))]
    performers = iter(songs)
    titles = iter(songs)
    for slot in SLOT.finditer(template):
        before = template[at : slot.start()]
        if slot[1] == "song":
            value = next(titles).split(" @ ")[0]
        elif slot[1] == "artist" and songs:
            value = next(performers).split(" @ ")[1]
        else:
            value = values.draw(slot[1], slot[2] or "", taken)
        taken.add(value)
        an = re.match(r"[aeiouéáíó]|8|11\b|18|R&B", value, re.IGNORECASE) and not re.match(r"uni|one|eu", value, re.I)
        if an and re.search(r"\ba $", before):
            before = before[:-1] + "n "
        segments += [(before, None), (value, slot[1])]
        at = slot.end()
    segments.append((template[at:], None))
    return [s for s in segments if s[0]]


def restyle(segments: list[Segment], intent: str, rng: random.Random) -> list[Segment]:
    """Vary what people vary: casing, end punctuation, fillers, a typo, a doubled space."""
    out = list(segments)
    long_enough = len(re.findall(r"\w+", "".join(t for t, _ in out))) > 3
    opened = re.match(r"(um|uh|hey|ok|so|hi|well|hmm|sorry|help|stop|never)\b", out[0][0])
    if intent not in NO_FILLER and long_enough and not opened and rng.random() < 0.05:
        out.insert(0, (rng.choice(FILLERS), None))
    if rng.random() < 0.09:
        out = add_typo(out, rng)
    style = rng.choices(("plain", "sentence", "lower", "open", "caps", "loud"), (34, 28, 22, 9, 3, 4))[0]
    if style in ("sentence", "open"):
        out = [(re.sub(r"\bi\b(?!\.)", "I", t) if not la else t, la) for t, la in out]
        out[0] = (out[0][0][:1].upper() + out[0][0][1:], out[0][1])
    if style == "sentence" and out[-1][0][-1].isalnum():
        out.append((".", None))
    if style in ("lower", "open", "loud") and out[-1][1] is None:
        stripped = out[-1][0].rstrip("?!.")
        out[-1:] = [(stripped, None)] if stripped else []
    if style == "lower":
        drop = rng.random() < 0.3
        out = [(t.lower().replace("'", "") if drop else t.lower(), la) for t, la in out]
    if style == "caps":
        out = [(t.upper(), la) for t, la in out]
    if style == "loud":
        out.append((rng.choice(("!!", "...", "!", "??", " 🙂", " 👍", "…")), None))
    if rng.random() < 0.015:
        out = [(t.replace(" ", "  ", 1), la) if i == 0 and not la else (t, la) for i, (t, la) in enumerate(out)]
    return merge(out)


def add_typo(segments: list[Segment], rng: random.Random) -> list[Segment]:
    """Misspell one word, if the utterance has one of those that are often misspelt."""
    hits = [
        (i, m)
        for i, (t, _) in enumerate(segments)
        for m in re.finditer(r"\w+", t)
        if m[0].lower() in TYPOS and t[m.end() : m.end() + 1] != "'"
    ]
    if not hits:
        return segments
    i, word = rng.choice(hits)
    text, label = segments[i]
    wrong = rng.choice(TYPOS[word[0].lower()])
    out = list(segments)
    out[i] = (text[: word.start()] + wrong + text[word.end() :], label)
    return out


def merge(segments: list[Segment]) -> list[Segment]:
    """Join neighbouring segments without a label; strip the ends of the utterance."""
    out: list[Segment] = []
    for text, label in segments:
        if out and label is None and out[-1][1] is None:
            out[-1] = (out[-1][0] + text, None)
        else:
            out.append((text, label))
    if out[0][1] is None:
        out[0] = (out[0][0].lstrip(), None)
    if out[-1][1] is None:
        out[-1] = (out[-1][0].rstrip(), None)
    return [s for s in out if s[0]]


def delex(segments: list[Segment]) -> str:
    """Return the utterance with its entities replaced by ``{label}``, lower-cased."""
    return "".join(f"{{{label}}}" if label else text.lower() for text, label in segments)


def fold(text: str) -> str:
    """Fold case, punctuation and white space away."""
    return " ".join(re.sub(r"[^\w\s{}]", "", text.lower().replace("-", " ")).split())


def tokens(text: str) -> frozenset[str]:
    """Return the set of lower-cased words; a ``{label}`` is one word."""
    return frozenset(re.findall(r"\{\w+\}|[\w']+", text.lower()))


def letters(text: str) -> str:
    """Return the lower-cased text without white space and punctuation; a ``{label}`` stays."""
    return re.sub(r"[^\w{}]", "", text.lower())


class Ledger:
    """Remembers what each split holds and refuses duplicates and near-duplicates."""

    def __init__(self) -> None:
        self.texts: set[str] = set()
        self.owners: dict[str | frozenset[str], str] = {}
        self.sets: dict[str, list[frozenset[str]]] = {s: [] for s in SPLITS}

    def admit(self, split: str, plain: list[Segment], styled: list[Segment]) -> bool:
        """Take the utterance in if it is new; False when it repeats something."""
        text = fold("".join(t for t, _ in styled))
        forms = [delex(plain), delex(styled)]
        folded = {fold(f) for f in forms}
        if text in self.texts or folded & FORBIDDEN or text in FORBIDDEN:
            return False
        mine = {tokens(f) for f in forms} | {tokens(f) for f in folded}
        keys = mine | {letters(f) for f in forms}
        if any(self.owners.get(key, split) != split for key in keys):
            return False
        for other in (s for s in SPLITS if s != split):
            for a in self.sets[other]:
                if any(len(a & b) >= JACCARD_LIMIT * len(a | b) and max(len(a), len(b)) >= 4 for b in mine):
                    return False
        self.texts.add(text)
        self.owners.update(dict.fromkeys(keys, split))
        self.sets[split] += sorted(mine, key=sorted)
        return True


def build() -> tuple[dict[str, list[Utterance]], list[str]]:
    """Build the three splits. Returns them and notes about lines that yielded nothing."""
    lines, values = read_lines(), read_values()
    problems = lint(lines, values)
    if problems:
        raise SystemExit("\n".join(problems))
    ledger, notes = Ledger(), []
    corpus: dict[str, list[Utterance]] = {}
    for split in SPLITS:
        rows: list[Utterance] = []
        drawer = Values(values, split)
        for with_slots, wanted in zip((True, False), SIZES[split], strict=True):
            mine = [li for li in lines if li.split == split and li.has_slots == with_slots]
            got = make(mine, wanted, split, drawer, ledger)
            if len(got) < wanted:
                notes.append(
                    f"{split}: only {len(got)} of {wanted} utterances {'with' if with_slots else 'without'} slots"
                )
            notes += [f"{split}: nothing from {li.where} {li.source!r}" for li in mine if not li.made]
            rows += got
        random.Random(f"{SEED}|order|{split}").shuffle(rows)
        corpus[split] = rows
    return corpus, notes


def make(lines: list[Line], wanted: int, split: str, drawer: Values, ledger: Ledger) -> list[Utterance]:
    """Go over all lines once or twice, then again and again take the line that carries the label rarest so far."""
    rows: list[Utterance] = []
    counts: Counter[str] = Counter()
    tries = dict.fromkeys(range(len(lines)), 0)
    tie = list(range(len(lines)))
    random.Random(f"{SEED}|turns|{split}").shuffle(tie)
    labels = [[s[0] for s in SLOT.findall(line.source)] for line in lines]
    limits = [MAX_EXPANSIONS[split] if li.has_slots else min(len(li.variants), MAX_EXPANSIONS[split]) for li in lines]

    def urgency(i: int) -> tuple[int, int, int, int]:
        rarest = min((min(counts[la], LABEL_GOAL[split]) for la in labels[i]), default=0)
        return (min(tries[i], FULL_ROUNDS[split]), rarest, tries[i], tie[i])

    while len(rows) < wanted:
        open_lines = [i for i in tries if tries[i] < limits[i]]
        if not open_lines:
            break
        i = min(open_lines, key=urgency)
        line, turn = lines[i], tries[i]
        tries[i] += 1
        for attempt in range(6):
            rng = random.Random(f"{SEED}|{split}|{line.source}|{turn}|{attempt}")
            plain = fill(line.variants[turn % len(line.variants)], drawer)
            styled = restyle(plain, line.intent, rng)
            if ledger.admit(split, plain, styled):
                rows.append(Utterance(line.intent, tuple(styled)))
                counts.update(labels[i])
                line.made += 1
                break
    return rows


def statistics(corpus: dict[str, list[Utterance]]) -> str:
    """Write a Markdown report: sizes, entity shares, counts per intent and per label."""
    splits = ("train", "dev", "test")
    out = ["| split | utterances | with entities | share | spans |", "|---|---:|---:|---:|---:|"]
    for split in splits:
        rows = corpus[split]
        carrying = sum(any(la for _, la in r.segments) for r in rows)
        spans = sum(1 for r in rows for _, la in r.segments if la)
        out.append(f"| {split} | {len(rows)} | {carrying} | {carrying / len(rows):.1%} | {spans} |")
    counts = {s: Counter(r.intent for r in corpus[s]) for s in splits}
    carry = {s: Counter(r.intent for r in corpus[s] if any(la for _, la in r.segments)) for s in splits}
    out += ["", "| intent | train | dev | test |", "|---|---:|---:|---:|"]
    for intent in sorted(counts["train"]):
        cells = (f"{counts[s][intent]} ({carry[s][intent]})" for s in splits)
        out.append(f"| `{intent}` | " + " | ".join(cells) + " |")
    spans_of = {s: [(la, t) for r in corpus[s] for t, la in r.segments if la] for s in splits}
    known = {(la, t.lower()) for la, t in spans_of["train"]}
    out += ["", "| label | train | dev | test | test spans unseen in train |", "|---|---:|---:|---:|---:|"]
    for label in sorted({la for la, _ in spans_of["train"]}):
        n = [sum(la == label for la, _ in spans_of[s]) for s in splits]
        new = sum(la == label and (la, t.lower()) not in known for la, t in spans_of["test"])
        out.append(f"| `{label}` | {n[0]} | {n[1]} | {n[2]} | {new / max(n[2], 1):.0%} |")
    return "\n".join(out)


def outputs(corpus: dict[str, list[Utterance]], report: str) -> dict[Path, bytes]:
    """Return what belongs in each shipped file; of the README, the builder owns the part between the markers."""
    files = {OUT / f"{s}.jsonl": "".join(row.as_json() + "\n" for row in rows) for s, rows in corpus.items()}
    readme = OUT / "README.md"
    if readme.is_file():
        before, _, rest = readme.read_text(encoding="utf-8").partition(TABLES[0])
        _, found, after = rest.partition(TABLES[1])
        if not found:
            raise SystemExit(f"{readme}: no {TABLES[0]} ... {TABLES[1]}")
        files[readme] = f"{before}{TABLES[0]}\n\n{report}\n\n{TABLES[1]}{after}"
    return {path: text.encode("utf-8") for path, text in files.items()}


def main() -> int:
    """Command line entry point."""
    parser = argparse.ArgumentParser(description="Build the nlu-kit starter corpus.")
    parser.add_argument("--check", action="store_true", help="exit 1 if the shipped files differ from a fresh build")
    args = parser.parse_args()
    corpus, notes = build()
    report = statistics(corpus)
    files = outputs(corpus, report)
    if args.check:
        stale = [str(p.relative_to(ROOT)) for p, data in files.items() if not p.is_file() or p.read_bytes() != data]
        print("differs from a fresh build: " + ", ".join(stale) if stale else "starter corpus is up to date")
        return 1 if stale else 0
    OUT.mkdir(parents=True, exist_ok=True)
    for path, data in files.items():
        path.write_bytes(data)
    print(report)
    for note in notes:
        print("note:", note, file=sys.stderr)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
