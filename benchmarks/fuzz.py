"""Throws millions of mutated inputs at everything that reads what strangers wrote: docs/reliability.md.

    python benchmarks/fuzz.py                        # ten million cases, two processes, about half an hour
    python benchmarks/fuzz.py --target words --cases 100000
    python benchmarks/fuzz.py --target lines --again 4711     # one case, with its traceback

Every case follows from its target and its number alone. It may be refused with an error of ours, or give what makes
sense; any other exception, a death of the process, a text whose entities are not its own, more than 5 seconds or 2 GB
is a fault, and printed with the number. Counts go to benchmarks/results/fuzz.json.
"""

from __future__ import annotations

import argparse
import asyncio
import faulthandler
import itertools
import json
import math
import mmap
import os
import random
import resource
import shutil
import signal
import struct
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from corpora import REPOSITORY

sys.path.insert(0, str(REPOSITORY))
from reliability import written

from nlu_kit.errors import NluKitError
from nlu_kit.registry import Registry

RESULTS = REPOSITORY / "benchmarks" / "results" / "fuzz.json"
SECONDS, SPARE, STILL = 5.0, 2 << 30, 30.0
Case = Callable[[random.Random], None]
BROKEN = 3  # exit code of a process that did not come to its first case


# --- what is thrown ---------------------------------------------------------------------------------------------------

ALPHABETS: Sequence[Sequence[int]] = (
    range(0x20, 0x7F), range(0x20), range(0x80, 0x250), range(0x300, 0x370), range(0x400, 0x500), range(0x590, 0x700),
    range(0x900, 0xE00), range(0xE00, 0x1200), range(0x2000, 0x2070), range(0x3000, 0x3100), range(0x4E00, 0x9FFF),
    range(0xAC00, 0xD7A4), range(0xD800, 0xE000), range(0xFE00, 0xFE10), range(0xFF00, 0xFFF0), range(0x1F000, 0x1FAFF),
    range(0xE0000, 0xE0200), range(0x110000),
)  # fmt: skip
PIECES = (
    "book a table",
    "Paris?",
    "10pm",
    "é",
    "👩‍👩‍👧",
    "서울에서",
    "\u200b",
    "\u202e",
    "[MASK]",
    "##ing",
    "  ",
    "\r\n",
    "\0",
    "ß",
)
HARD: Sequence[Any] = (
    None, True, False, -1, 0, 1, 2**31, 2**63, 2**64, -(2**63), 10**30, 1e308, -0.0, "", "x", "\x1b[2J", "..", "/",
    "\ud83d", [], [[]], {}, {"type": "x"}, [None], "a" * 300,
)  # fmt: skip
RAW = (
    b"", b"\0", b"\xff", b"\xed\xa0\xbd", b"\xf0\x9f\x98\x80", b'"', b"{", b"[", b"]", b"}", b",", b":", b"\\u",
    b"\\ud83d", b"NaN", b"1e999", b"-", b"\r", b"\n", b"\t", b"\xef\xbb\xbf", b"9" * 50, b"[" * 200, b"null",
    b"PAR1", b"\x1f\x8b",
)  # fmt: skip


def any_text(chance: random.Random) -> str:
    """Some scripts, some pieces that have been trouble, up to forty parts."""
    alphabets = [chance.choice(ALPHABETS) for _ in range(3)]
    parts = []
    for _ in range(chance.randrange(12)):
        if chance.random() < 0.4:
            parts.append(chance.choice(PIECES))
        else:
            alphabet = chance.choice(alphabets)
            parts.append("".join(chr(chance.choice(alphabet)) for _ in range(chance.randrange(1, 5))))
    return (" " if chance.random() < 0.5 else "").join(parts)


def mutated(content: bytes, chance: random.Random) -> bytes:
    """A few bytes changed, cut, doubled or put in."""
    data = bytearray(content)
    for _ in range(chance.choice((1, 1, 1, 2, 4, 9))):
        at = chance.randrange(len(data) + 1)
        how = chance.randrange(5)
        if how == 0 and at < len(data):
            data[at] ^= 1 << chance.randrange(8)
        elif how == 1:
            data[at:at] = chance.choice(RAW)
        elif how == 2:
            del data[at : at + chance.choice((1, 3, 20, 10**6))]
        elif how == 3:
            data[at:at] = data[at : at + chance.randrange(40)]
        else:
            data[at : at + 1] = chance.choice(RAW)
    return bytes(data)


def changed(value: Any, chance: random.Random) -> Any:
    """JSON of which one place, anywhere, has another value, is gone, or has another name."""
    if isinstance(value, dict) and value and chance.random() < 0.85:
        key = chance.choice(list(value))
        how = chance.random()
        if how < 0.07:
            return {name: inner for name, inner in value.items() if name != key}
        if how < 0.14:
            return {any_text(chance) if name == key else name: inner for name, inner in value.items()}
        return {name: changed(inner, chance) if name == key else inner for name, inner in value.items()}
    if isinstance(value, list) and value and chance.random() < 0.85:
        place = chance.randrange(len(value))
        return [*value[:place], changed(value[place], chance), *value[place + 1 :]]
    if isinstance(value, (int, float)) and chance.random() < 0.3:
        return chance.choice((value + 1, -value, value * 10, str(value)))
    return any_text(chance) if chance.random() < 0.2 else chance.choice(HARD)


def json_case(value: Any, chance: random.Random) -> bytes:
    """Changed as JSON, as bytes, or both."""
    if chance.random() < 0.7:
        value = changed(value, chance)
    content = json.dumps(value, ensure_ascii=chance.random() < 0.5).encode("utf-8", "surrogatepass")
    return mutated(content, chance) if chance.random() < 0.4 else content


# --- what it is thrown at ---------------------------------------------------------------------------------------------


class Ground:
    """A small trained model, its corpus, and a folder in memory for what is read from files."""

    def __init__(self, place: Path) -> None:
        from nlu_kit.training.run import train

        self.place = place
        self.pipeline = written(place)
        settings = json.loads(self.pipeline.read_text("utf-8"))
        settings["training"] |= {"export": True, "epochs": 1}
        self.pipeline.write_text(json.dumps(settings), "utf-8")
        self.settings = settings
        self.model = train(self.pipeline, runs=place / "runs").model_dir
        self.record = json.loads((place / "train.jsonl").read_text("utf-8").splitlines()[0])
        self.registry = Registry.load()

    def own(self, name: str) -> Path:
        """A folder of this process."""
        folder = self.place / f"{name}-{os.getpid()}"
        folder.mkdir(exist_ok=True)
        return folder


def words(_: Ground) -> Case:
    """`find_words`, given any offsets that a tokenizer could say."""
    from nlu_kit.data.words import find_words

    def case(chance: random.Random) -> None:
        text = any_text(chance)
        edges = sorted(chance.randrange(len(text) + 1) for _ in range(chance.randrange(24)))
        offsets = list(itertools.pairwise(edges))
        offsets = [(start, end) if chance.random() < 0.9 else (0, 0) for start, end in offsets]
        ids = [None if start == end == 0 else number // 2 for number, (start, end) in enumerate(offsets)]
        end = stop = 0
        for word in find_words(text, offsets, ids):
            assert end <= word.start < word.end <= len(text)
            assert stop <= word.token < word.stop <= len(offsets)
            end, stop = word.end, word.stop

    return case


def tokens(ground: Ground) -> Case:
    """The tokenizer of all-MiniLM-L6-v2, and the words of what it says."""
    from nlu_kit.data.encoding import Tokenizer
    from nlu_kit_backbones.source import embedded_folder

    tokenizer = Tokenizer.load(embedded_folder(), max_length=64)

    def case(chance: random.Random) -> None:
        text = any_text(chance)
        (encoding,) = tokenizer.encode([text])
        end = 0
        for word in encoding.words:
            assert end <= word.start < word.end <= len(text)
            assert not text[word.start : word.end].isspace()
            assert 0 < word.token < word.stop < len(encoding)
            end = word.end

    return case


def answers(ground: Ground) -> Case:
    """Any text through the model, and all that a prediction promises."""
    from nlu_kit.runtime.predictor import load

    model = load(ground.model, registry=ground.registry)

    def case(chance: random.Random) -> None:
        text = any_text(chance)
        found = model(text)
        assert found.text == text
        for entity in found.entities:
            assert 0 <= entity.start < entity.end <= len(text)
            assert entity.text == text[entity.start : entity.end]
            assert 0 <= entity.confidence <= 1
        assert math.isclose(sum(each.confidence for each in found.intents), 1, abs_tol=1e-6)
        json.loads(json.dumps(found.to_json(), allow_nan=False))

    return case


def lines(ground: Ground) -> Case:
    """A corpus of JSON lines, of which one is not as it should be."""
    from nlu_kit.corpus.read import read_any

    file = ground.own("lines") / "train.jsonl"
    good = json.dumps(ground.record).encode() + b"\n"

    def case(chance: random.Random) -> None:
        file.write_bytes(good + json_case(ground.record, chance) + b"\n" + (good if chance.random() < 0.5 else b""))
        for example in read_any(file, ground.registry):
            for entity in example.entities or ():
                assert 0 <= entity.start < entity.end <= len(example.text)

    return case


def parallel(ground: Ground) -> Case:
    """The same as a folder of texts, tags and labels."""
    from nlu_kit.corpus.read import read_any

    folder = ground.own("parallel")
    whole = {"seq.in": b"book a table\nplay jazz\n", "seq.out": b"O B-x I-x\nO B-y\n", "label": b"book\nplay\n"}

    def case(chance: random.Random) -> None:
        for name, content in whole.items():
            (folder / name).write_bytes(mutated(content, chance) if chance.random() < 0.5 else content)
        for example in read_any(folder, ground.registry):
            for entity in example.entities or ():
                assert 0 <= entity.start < entity.end <= len(example.text)

    return case


def rows(ground: Ground) -> Case:
    """What `predict --input` reads: lines, JSON lines, tables, packed or not, and parquet where pyarrow is there."""
    import gzip

    from nlu_kit.runtime.rows import rows_of

    folder = ground.own("rows")
    table = b'id,text\n1,"play some, jazz"\n2,"two\nlines"\n'
    kinds = {
        "a.txt": b"play jazz\nbook a table\n",
        "a.jsonl": b'{"text": "a", "id": 1}\n{"text": "b"}\n',
        "a.csv": table,
        "a.tsv": table.replace(b",", b"\t"),
        "a.csv.gz": gzip.compress(table, mtime=0),
    }
    try:
        import pyarrow
        import pyarrow.parquet

        pyarrow.parquet.write_table(pyarrow.table({"text": ["a", "b"], "n": [1, 2]}), folder / "a.parquet")
        kinds["a.parquet"] = (folder / "a.parquet").read_bytes()
    except ImportError:
        print("without pyarrow: no parquet among rows", file=sys.stderr)

    def case(chance: random.Random) -> None:
        name = chance.choice(list(kinds))
        (folder / name).write_bytes(mutated(kinds[name], chance))
        for row in rows_of(folder / name):
            assert isinstance(getattr(row, "text", ""), str)

    return case


def configuration(ground: Ground) -> Case:
    """A pipeline.json that names something of every kind, and all that checks it before data is read."""
    from nlu_kit.config.check import load_pipeline

    folder = ground.own("configuration")
    for file in ("train.jsonl", "dev.jsonl", "texts.txt"):
        shutil.copy(ground.place / file, folder / file)
    whole = load_pipeline(ground.pipeline, registry=ground.registry).to_json()
    file = folder / "pipeline.json"

    def case(chance: random.Random) -> None:
        file.write_bytes(json_case(whole if chance.random() < 0.7 else ground.settings, chance))
        load_pipeline(file, registry=ground.registry, check_files=True)

    return case


def folders(ground: Ground) -> Case:
    """A model folder of which a file is not as it was, with a manifest that agrees, and a text through what loads."""
    from nlu_kit.runtime.predictor import load
    from tests.hostile.folders import rehash

    folder = ground.own("folders") / "model"
    names = [file.relative_to(ground.model) for file in sorted(ground.model.rglob("*")) if file.is_file()]
    wholes = {name: (ground.model / name).read_bytes() for name in names}
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(ground.model, folder)

    def case(chance: random.Random) -> None:
        name = chance.choice(names)
        if name.suffix == ".json" and chance.random() < 0.8:
            content = json_case(json.loads(wholes[name]), chance)
        elif name.suffix == ".safetensors" and chance.random() < 0.7:
            (size,) = struct.unpack("<Q", wholes[name][:8])
            header = json_case(json.loads(wholes[name][8 : 8 + size]), chance)
            content = struct.pack("<Q", len(header)) + header + wholes[name][8 + size :]
        else:
            content = mutated(wholes[name], chance)
        try:
            (folder / name).write_bytes(content)
            if name.name != "manifest.json":
                rehash(folder)
            found = load(folder, registry=ground.registry)("book a table in Paris")
            json.dumps(found.to_json(), allow_nan=False)
        finally:
            (folder / name).write_bytes(wholes[name])
            (folder / "manifest.json").write_bytes(wholes[Path("manifest.json")])

    return case


def checkpoints(ground: Ground) -> Case:
    """The checkpoints of a run: a damaged one is passed over or refused."""
    from nlu_kit.training.folders import CHECKPOINTS
    from nlu_kit.training.made_with import compare
    from nlu_kit.training.resume import newest
    from nlu_kit.training.resume import read as read_point

    source = next((ground.place / "stopped").glob(f"*/{CHECKPOINTS}"))
    folder = ground.own("checkpoints") / "points"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(source, folder)
    names = [file.relative_to(source) for file in sorted(source.rglob("*")) if file.is_file()]
    wholes = {name: (source / name).read_bytes() for name in names}

    def case(chance: random.Random) -> None:
        name = chance.choice(names)
        content = wholes[name]
        if name.suffix == ".json" and chance.random() < 0.7:
            content = json_case(json.loads(content), chance)
        else:
            content = mutated(content, chance)
        try:
            (folder / name).write_bytes(content)
            point, damaged = newest(folder) if chance.random() < 0.5 else (read_point(folder / name.parts[0]), [])
            assert compare(point.made_with, point.made_with, run=folder, force=False) == []
            assert all(isinstance(each, str) for each in damaged)
        finally:
            (folder / name).write_bytes(wholes[name])

    return case


def bodies(ground: Ground) -> Case:
    """What a client sends to the server, and its headers: never a 500, always JSON."""
    from nlu_kit.serve.app import create_app
    from nlu_kit.serve.settings import ServeSettings

    app: Any = create_app(ServeSettings(models={"default": str(ground.model)}, texts=8, characters=200))
    paths = ["/v1/parse", "/model/parse", "/v1/models/default/parse", "/v1/models", "/v1/models/x/reload", "/version"]
    whole: Sequence[Mapping[str, Any]] = (
        {"text": "play jazz", "top_k": 2, "threshold": 0.5},
        {"texts": ["play jazz", "", 1]},
        {"text": "a", "message_id": "1"},
    )
    loop = asyncio.new_event_loop()

    async def ask(path: str, headers: list[tuple[bytes, bytes]], pieces: list[bytes]) -> tuple[int, bytes]:
        messages = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
        messages.append({"type": "http.request", "body": b"", "more_body": False})
        sent: list[Any] = []

        async def receive() -> Any:
            return messages.pop(0) if messages else {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http"}
        scope |= {"path": path, "raw_path": path.encode("utf-8", "replace"), "query_string": b"", "root_path": ""}
        scope |= {"headers": headers, "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 2), "state": {}}
        await app(scope, receive, send)
        return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:])

    def case(chance: random.Random) -> None:
        path = chance.choice(paths) if chance.random() < 0.9 else "/v1/models/" + any_text(chance) + "/parse"
        kinds = [b"application/json"] * 8 + [
            b"text/plain",
            b"",
            b"multipart/form-data",
            b"\xff",
            b"application/json;charset=x",
        ]
        headers = [(b"content-type", chance.choice(kinds))]
        if chance.random() < 0.2:
            headers.append((chance.choice((b"x-request-id", b"content-length", b"authorization")), chance.choice(RAW)))
        body = json_case(chance.choice(whole), chance)
        cut = chance.randrange(len(body) + 1)
        status, answer = loop.run_until_complete(ask(path, headers, [body[:cut], body[cut:]]))
        assert status in (200, 400, 403, 404, 405, 409, 413, 415, 422), (status, answer[:300])
        json.loads(answer)

    return case


TARGETS: Mapping[str, tuple[Callable[[Ground], Case], int]] = {
    "words": (words, 5_200_000),
    "tokens": (tokens, 2_500_000),
    "lines": (lines, 1_200_000),
    "parallel": (parallel, 500_000),
    "rows": (rows, 400_000),
    "bodies": (bodies, 100_000),
    "answers": (answers, 80_000),
    "checkpoints": (checkpoints, 20_000),
    "configuration": (configuration, 50_000),
    "folders": (folders, 20_000),
}


# --- how --------------------------------------------------------------------------------------------------------------


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--target", choices=TARGETS, action="append")
    parser.add_argument("--cases", type=int, help="of each target, in place of its own number")
    parser.add_argument("--share", type=float, default=1.0, help="of each target's number")
    parser.add_argument("--lanes", type=int, default=2)
    parser.add_argument("--again", type=int, help="the number of one case")
    arguments = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"  # torch's threads don't live on in a child
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as place:
        ground = Ground(Path(place))
        stopped(ground)
        found: dict[str, Any] = {}
        for name in arguments.target or TARGETS:
            make, usual = TARGETS[name]
            if arguments.again is not None:
                make(ground)(random.Random(arguments.again))
                continue
            found[name] = fuzzed(name, make, ground, arguments.cases or int(usual * arguments.share), arguments.lanes)
            print(json.dumps({name: found[name]}), flush=True)
    if arguments.again is None:
        print(json.dumps(summed(found)))
        if arguments.cases is None and arguments.share == 1:
            known = json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else {}
            targets = {name: {**known, **found}[name] for name in TARGETS if name in {**known, **found}}
            RESULTS.write_text(json.dumps({**targets, "all": summed(targets)}, indent=1) + "\n", "utf-8")


def summed(found: Mapping[str, Mapping[str, Any]]) -> dict[str, int]:
    counts = {key: sum(one[key] for one in found.values()) for key in ("cases", "refused")}
    return {**counts, "faults": sum(len(one["faults"]) for one in found.values())}


def stopped(ground: Ground) -> None:
    """A run that was interrupted, for its checkpoints."""
    from nlu_kit.training.run import train
    from nlu_kit.training.signals import EndedBySignal

    class Stop:
        def on_run_start(self, event: Any) -> None: ...

        def on_step_end(self, event: Any) -> None:
            if event.step == 2:
                os.kill(os.getpid(), signal.SIGINT)

        def on_epoch_end(self, event: Any) -> None: ...

        def on_run_end(self, event: Any) -> None: ...

    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored by what runs in a shell's background
    try:
        train(ground.pipeline, runs=ground.place / "stopped", callbacks=[Stop()])
    except EndedBySignal:
        return
    raise SystemExit("the run that was to be interrupted was not")


def fuzzed(name: str, make: Callable[[Ground], Case], ground: Ground, cases: int, lanes: int) -> dict[str, Any]:
    """Cases 0 to ``cases`` in so many processes; one that dies or hangs is replaced, and goes on behind its case."""
    began = time.perf_counter()
    shared = mmap.mmap(-1, 16 * lanes)  # of each lane: the case it is at, and how many were refused
    faults: list[dict[str, Any]] = []
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    alive: dict[int, int] = {}
    for lane in range(lanes):
        shared[16 * lane : 16 * lane + 16] = struct.pack("<qq", lane, 0)
        alive[start(make, ground, lane, lanes, cases, shared, writing)] = lane
    seen = {lane: (-1, time.monotonic()) for lane in range(lanes)}
    said = b""
    while alive:
        time.sleep(0.1)
        while piece := read(reading):
            said += piece
        for child, lane in alive.items():
            (at,) = struct.unpack("<q", shared[16 * lane : 16 * lane + 8])
            if at != seen[lane][0]:
                seen[lane] = (at, time.monotonic())
            elif time.monotonic() - seen[lane][1] > STILL:
                os.kill(child, signal.SIGABRT)  # upon which it says where it is
        child, status = os.waitpid(-1, os.WNOHANG)
        if child:
            lane = alive.pop(child)
            if os.waitstatus_to_exitcode(status) == BROKEN:
                raise SystemExit(f"{name} can't be prepared")
            if status:
                at, refused = struct.unpack("<qq", shared[16 * lane : 16 * lane + 16])
                faults.append({"case": at, "what": f"the process ended with {os.waitstatus_to_exitcode(status)}"})
                shared[16 * lane : 16 * lane + 16] = struct.pack("<qq", at + lanes, refused)
                seen[lane] = (-1, time.monotonic())
                alive[start(make, ground, lane, lanes, cases, shared, writing)] = lane
    while piece := read(reading):
        said += piece
    os.close(reading)
    os.close(writing)
    faults += [json.loads(line) for line in said.splitlines()]
    refused = sum(struct.unpack("<qq", shared[16 * lane : 16 * lane + 16])[1] for lane in range(lanes))
    return {"cases": cases, "refused": refused, "faults": faults, "seconds": round(time.perf_counter() - began, 1)}


def read(pipe: int) -> bytes:
    try:
        return os.read(pipe, 1 << 16)
    except BlockingIOError:
        return b""


def start(
    make: Callable[[Ground], Case], ground: Ground, lane: int, lanes: int, cases: int, shared: mmap.mmap, faults: int
) -> int:
    """A process that goes through its share of the cases."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
        space = pages * resource.getpagesize() + SPARE
        resource.setrlimit(resource.RLIMIT_AS, (space, space))
        faulthandler.enable()
        code = BROKEN
        case, chance = make(ground), random.Random()
        code = 1
        number, refused = struct.unpack("<qq", shared[16 * lane : 16 * lane + 16])
        while number < cases:
            chance.seed(number)
            began = time.perf_counter()
            what = ""
            try:
                case(chance)
            except NluKitError as error:
                str(error).encode()
                refused += 1
            except Exception as error:  # noqa: BLE001 - that is what is looked for
                where = traceback.extract_tb(error.__traceback__)[-1]
                what = f"{type(error).__name__}: {error} ({Path(where.filename).name}:{where.lineno})"[:400]
            if not what and time.perf_counter() - began > SECONDS:
                what = f"took {time.perf_counter() - began:.1f} s"
            if what:
                os.write(faults, json.dumps({"case": number, "what": what}).encode() + b"\n")
            number += lanes
            shared[16 * lane : 16 * lane + 16] = struct.pack("<qq", number, refused)
        code = 0
    except BaseException:  # noqa: BLE001 - nothing of a child may go on
        traceback.print_exc()
    finally:
        os._exit(code)


if __name__ == "__main__":
    main()
