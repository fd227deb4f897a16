"""Hostile data files and configurations, several hundred, each given to the command line as its user would.

``python inputs.py MODEL [--every N]`` runs each in a child process with little memory to spare, a short time and no
network, and prints counts as JSON: refused, taken, and faults. A fault is an exit code that is neither 0 nor 2, a
refusal that does not name the file and the key, a traceback, anything written where the command refuses, a canary, or
more than 5 seconds or 1 GB. tests/hostile/test_inputs.py runs it.
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import os
import resource
import shutil
import signal
import socket
import sys
import tempfile
import time
import traceback
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from folders import GONE, places, put
from test_data import BYTES, GOOD, LINES, VALUES

SECONDS, SPARE = 5, 1 << 30
CANARY, WHOLE = "canary", "config: whole"
Files = Mapping[str, bytes]
Case = tuple[str, Files, Sequence[str], Sequence[str]]
"""A title, the files that there are, the command, and what a refusal names: the file, and the key."""

PICKLE = b"cposix\nsystem\n(S'touch " + CANARY.encode() + b"'\ntR."
HUGE = 200 << 20  # bytes of zeros that a small file unpacks to
CONLL = b"play O\njazz B-genre\n\n"


def pipeline(**changes: Any) -> dict[str, Any]:
    """A whole one, with something of every kind."""
    return {
        "name": "bot",
        "data": {"train": "train.jsonl", "dev": "train.jsonl", "test": None, "dev_fraction": 0.1, "out_of_scope": []},
        "backbone": {"type": "new_bert", "texts": ["texts.txt"], "vocabulary": 300, "layers": 2, "width": 32},
        "heads": {"intent": {"type": "intent", "loss": {"type": "focal", "gamma": 2.0}}, "ner": {"type": "ner"}},
        "balancing": {"type": "weighted", "weights": {"intent": 1.0, "ner": 2.0}},
        "sampler": {"type": "bucketed", "base": {"type": "weighted"}},
        "freezing": {"type": "freeze_lower", "layers": 1},
        "detector": {"type": "knn", "k": 3},
        "training": {"epochs": 1, "batch_size": 4, "monitor": "mean", "seed": 1, "threads": 1, "fgm": 0.1},
        **changes,
    }


def written(value: Any) -> bytes:
    return json.dumps(value).encode("utf-8", "surrogatepass")


def configurations() -> Iterator[Case]:
    """Each key gone or given other values; what is no JSON; names that would be code, or lie elsewhere, if read so."""
    good = f"{GOOD}\n".encode() * 4
    around = {"train.jsonl": good, "texts.txt": b"play some jazz\n" * 4}
    whole = pipeline()
    contents: list[tuple[str, bytes]] = [("whole", written(whole))]
    keys: list[tuple[str, bytes, Any]] = []
    for turn, path in enumerate(places(whole)):
        chosen = [VALUES[(turn + step) % len(VALUES)] for step in (0, 3, 7, 11)]
        for new in (GONE, *chosen):
            shown = "gone" if new is GONE else ascii(new)
            named = [key for key in path if key != "type"][-1]
            keys.append((f"{path} {shown}", written(put(whole, path, new)), named))
    code = (
        "os:system", "__import__('os').system('touch canary')", "../../etc/passwd", "{{ 7 * 7 }}", "${HOME}",
        "!!python/object:os.system", "file:///etc/passwd", "http://127.0.0.1:9/model", "builtins.exec", "a" * 10_000,
    )  # fmt: skip
    for text in code:
        contents += [
            (f"{key} is {text[:40]}", written(pipeline(**{key: {"type": text}})))
            for key in ("backbone", "balancing", "sampler", "freezing", "detector")
        ]
        contents.append((f"head of type {text[:40]}", written(pipeline(heads={"x": {"type": text}}))))
        contents.append((f"head called {text[:40]}", written(pipeline(heads={text: {"type": "no such"}}))))
        contents.append((f"data at {text[:40]}", written(pipeline(data={"train": text}))))
        contents.append((f"callback {text[:40]}", written(pipeline(training={"callbacks": [{"type": text}]}))))
    contents += {
        "empty": b"", "cut": b"{", "list": b"[]", "nan": b'{"a": NaN}', "twice": b'{"data": 1, "data": 2}',
        "deep": b"[" * 12_000, "deep objects": b'{"a":' * 12_000, "digits": b'{"a": ' + b"9" * 5000 + b"}",
        "surrogate": b'{"name": "\\ud83d"}', "zeros": bytes(1000), "pickle": PICKLE, "utf-16": GOOD.encode("utf-16"),
        "large": b'{"name": "' + b"a" * (50 << 20) + b'"}',
    }.items()  # fmt: skip
    for title, content, *named in [*contents[:1], *keys, *contents[1:]]:
        files = {**around, "pipeline.json": content}
        yield f"config: {title}", files, ("config", "check", "pipeline.json"), ("pipeline.json", *named)


def corpora(model: Path) -> Iterator[Case]:
    """What a reader is given, and what `predict --input` is."""
    evaluate = ("evaluate", "--model", str(model), "--output", "out")
    predict = ("predict", "--model", str(model), "--output", "out.jsonl", "--input")
    for turn, line in enumerate(LINES):
        for title, lines in (("first", [line, GOOD]), ("last", [GOOD, line]), ("alone", [line])):
            content = "".join(f"{each}\n" for each in lines).encode()
            yield f"jsonl: {title} {line[:60]!a}", {"a.jsonl": content}, (*evaluate, "a.jsonl"), ("a.jsonl",)
        command = (*predict, "a.jsonl")
        yield f"input: {turn} {line[:60]!a}", {"a.jsonl": f"{GOOD}\n{line}\n".encode()}, command, ("a.jsonl",)
    bomb, table = gzip.compress(bytes(HUGE), 1, mtime=0), b'text,id\n"a",1\nb,2\n'
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr(f"../{CANARY}", "x")
    contents = {
        **{f"bytes {turn}": each for turn, each in enumerate(BYTES)},
        "pickle": PICKLE, "zip": archive.getvalue(), "gzip": bomb, "conll": CONLL, "one line": b"a" * HUGE,
        "table": table, "cut gzip": gzip.compress(table)[:-9], "parquet": b"PAR1" + bytes(100) + b"PAR1",
        "quote": b'text\n"a\n' * 99, "no column": b"a,b\n1,2\n", "twice": b"text,text\na,b\n",
        "fields": b"text,id\na\n",
        "bare carriage": b"text\ra\rb", "formula": b'text\n"=cmd|calc!A1"\n', "wide": b"text" + b",x" * 50_000 + b"\n",
        "long field": b"text\n" + b"b" * 200_000,
    }  # fmt: skip
    names = ("a.jsonl", "a.csv", "a.tsv", "a.txt", "a.csv.gz", "a.jsonl.gz", "a.parquet", "a.xyz", "a.conll", "seq.in")
    for title, content in contents.items():
        for name in names:
            if len(content) < HUGE or name in ("a.jsonl", "a.csv"):
                yield f"input: {title} as {name}", {name: content}, (*predict, name), (name,)
        for name in ("a.jsonl", "a.xyz"):
            yield f"data: {title} as {name}", {name: content}, (*evaluate, name), (name,)
    whole = {"d/seq.in": b"play jazz\n", "d/seq.out": b"O B-x\n", "d/label": b"play\n"}
    for name in whole:
        for content in (
            b"",
            b"\n",
            b"a\nb\n",
            b"\xff\n",
            bytes(99),
            b"B-x I-y O\n",
            PICKLE,
            b"\x1b[2J\n",
            b"O " * 9999 + b"\n",
        ):
            yield f"parallel: {name} {content[:20]!r}", {**whole, name: content}, (*evaluate, "d"), ("d",)
        yield (
            f"parallel: {name} is missing",
            {key: whole[key] for key in whole if key != name},
            (*evaluate, "d"),
            ("d",),
        )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("model", type=Path)
    parser.add_argument("--every", type=int, default=1, help="only each N-th")
    arguments = parser.parse_args()
    prepared()
    counts = {"refused": 0, "taken": 0}
    faults: list[str] = []
    slowest = 0.0
    cases = [*configurations(), *corpora(arguments.model.resolve())]
    for title, files, command, named in [cases[0], *cases[1 :: arguments.every]]:
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            for name, content in files.items():
                (folder / name).parent.mkdir(exist_ok=True)
                (folder / name).write_bytes(content)
            before = listing(folder)
            code, said, seconds = asked(command, folder)
            slowest = max(slowest, seconds)
            wrong = []
            if code and title == WHOLE:
                wrong.append("what is whole is refused")
            if code not in (0, 2):
                wrong.append(f"exit code {code}")
            if "Traceback" in said:
                wrong.append("a traceback")
            if code == 2 and not all(str(name) in said for name in named):
                wrong.append(f"does not name {named}")
            # The rows before one that is wrong are answered, and kept so that the same command goes on behind them.
            left = {name for name in listing(folder) if not name.endswith((".partial", ".progress"))} - set(before)
            if code and left:
                wrong.append(f"wrote {sorted(left)}")
            if (folder / CANARY).exists() or (folder.parent / CANARY).exists():
                wrong.append("the canary")
            if seconds > SECONDS:
                wrong.append(f"{seconds:.1f} s")
            counts["refused" if code else "taken"] += 1
            if wrong:
                faults.append(f"{title}: {', '.join(wrong)}: {said[-300:]}")
            shutil.rmtree(folder / "out", ignore_errors=True)
    found = {**counts, "slowest_s": round(slowest, 2), "faults": faults}
    print(json.dumps(found))


def prepared() -> None:
    """What every command imports, once."""
    import numpy as np
    import onnxruntime  # noqa: F401

    from nlu_kit.cli import evaluate, main, predict, predict_file  # noqa: F401
    from nlu_kit.config import check  # noqa: F401
    from nlu_kit.registry import Registry

    Registry.load()
    np.zeros((2, 2)) @ np.zeros((2, 2))


def listing(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def asked(command: Sequence[str], folder: Path) -> tuple[int, str, float]:
    """(exit code, stderr, seconds) of a child that runs the command."""
    said = folder.parent / f"{folder.name}.said"
    began = time.perf_counter()
    child = os.fork()
    if child == 0:
        run(command, folder, said)
    _, status = os.waitpid(child, 0)
    seconds = time.perf_counter() - began
    text = said.read_text("utf-8", "replace")
    said.unlink()
    return os.waitstatus_to_exitcode(status), text, seconds


def run(command: Sequence[str], folder: Path, said: Path) -> None:
    """Never returns."""
    code = 1
    try:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(4 * SECONDS)
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
        space = pages * resource.getpagesize() + SPARE
        resource.setrlimit(resource.RLIMIT_AS, (space, space))
        os.chdir(folder)
        with said.open("wb") as stream, open(os.devnull, "r+b") as nothing:  # noqa: PTH123
            for descriptor, target in ((0, nothing), (1, nothing), (2, stream)):
                os.dup2(target.fileno(), descriptor)
        sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)  # noqa: SIM115

        def refuse(*_: Any) -> Any:
            raise AssertionError("Traceback: a connection was tried")

        socket.socket.connect = refuse  # type: ignore[method-assign]
        sys.argv = ["nlu-kit", *command]
        from nlu_kit.cli.main import main

        code = main() or 0
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main()
