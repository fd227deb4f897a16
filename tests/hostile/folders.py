"""Damaged and hostile model folders, several hundred, made from one that is whole; and what loading each of them does.

``python folders.py MODEL`` loads every one in this process, with little memory to spare and no network, and prints
counts as JSON: clean errors, loads, and faults (any other exception, a canary that was written, a connection that was
tried, a question that was asked). tests/hostile/test_folders.py runs it.
"""

from __future__ import annotations

import argparse
import builtins
import copy
import hashlib
import json
import os
import resource
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

Change = Callable[[Path], None]
JSONS = ("model.json", "pipeline.json", "manifest.json", "backbone/config.json", "backbone/backbone.json")
FILES = (*JSONS, "backbone/tokenizer.json", "model.safetensors", "detector.safetensors")
VALUES: tuple[Any, ...] = (None, -1, 0, 10**6, 10**8, 2**63, 1e300, True, "x", "", [], {}, [[]], "\u202e\x1b[2J")
GONE = object()
SPARE = 3 << 30  # bytes of address space beyond what is in use when the first folder is loaded


def rehash(model: Path) -> None:
    """A manifest that agrees with what is there."""
    hashes = {}
    for file in sorted(model.rglob("*")):
        if file.is_file() and file.name != "manifest.json":
            hashes[file.relative_to(model).as_posix()] = hashlib.sha256(file.read_bytes()).hexdigest()
    (model / "manifest.json").write_text(json.dumps({"sha256": hashes}), encoding="utf-8")


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every key and the first items of every list, all the way down."""
    inner = value.items() if isinstance(value, dict) else list(enumerate(value))[:2] if isinstance(value, list) else ()
    for key, below in inner:
        yield (*path, key)
        yield from places(below, (*path, key))


def put(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    changed = copy.deepcopy(value)
    node = changed
    for key in path[:-1]:
        node = node[key]
    if new is GONE:
        del node[path[-1]]
    else:
        node[path[-1]] = new
    return changed


def text(name: str, content: str | bytes, *, agree: bool = True) -> Change:
    def change(model: Path) -> None:
        (model / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        if agree and name != "manifest.json":
            rehash(model)

    return change


def keys(model: Path) -> Iterator[tuple[str, Change]]:
    """Each key of each JSON gone, and given some other values (which ones turns with the key, to keep it short)."""
    turn = 0
    for name in JSONS:
        value = json.loads((model / name).read_text(encoding="utf-8"))
        for path in places(value):
            chosen = (
                [VALUES[(turn + step) % len(VALUES)] for step in (0, 5)] if name != "backbone/config.json" else VALUES
            )
            turn += 1
            for new in (GONE, *chosen):
                shown = "gone" if new is GONE else repr(new)
                yield f"{name}: {path} {shown}", text(name, json.dumps(put(value, path, new)))


def texts(_: Path) -> Iterator[tuple[str, Change]]:
    """What is no JSON, or JSON that Python's own reader takes too much of."""
    contents: dict[str, str | bytes] = {
        "empty": "",
        "list": "[]",
        "number": "1",
        "cut": '{"a": ',
        "twice": '{"format": 1, "format": 1}',
        "nan": '{"format": NaN}',
        "infinite": '{"format": 1e999}',
        "surrogate": '{"format": "\\ud83d"}',
        "nested": '{"a": ' + "[" * 12_000 + "]" * 12_000 + "}",
        "objects": '{"a": ' * 12_000 + "1" + "}" * 12_000,
        "digits": '{"format": ' + "1" * 5000 + "}",
        "bytes": b'{"a": "\xff"}',
        "nothing": "\0" * 100,
    }
    for name in (*JSONS, "backbone/tokenizer.json", "model.safetensors", "detector.safetensors"):
        for title, content in contents.items():
            yield f"{name}: {title}", text(name, content)


def files(_: Path) -> Iterator[tuple[str, Change]]:
    """Other things in a file's place."""

    def replaced(name: str, make: Callable[[Path], None], *, agree: bool) -> Change:
        def change(model: Path) -> None:
            digest = hashlib.sha256((model / name).read_bytes()).hexdigest()
            (model / name).unlink()
            make(model / name)
            if agree and name != "manifest.json":
                manifest = json.loads((model / "manifest.json").read_text(encoding="utf-8"))
                manifest["sha256"][name] = digest
                (model / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")

        return change

    def outside(file: Path) -> None:
        place = file.parents[1] / f"outside-{file.name}"
        place.write_bytes(b"{}")
        file.symlink_to(place)

    makers: dict[str, Callable[[Path], None]] = {
        "missing": lambda file: None,
        "folder": lambda file: file.mkdir(),
        "pipe": lambda file: os.mkfifo(file),
        "link to a device": lambda file: file.symlink_to("/dev/zero"),
        "link to nowhere": lambda file: file.symlink_to("/nowhere"),
        "link to itself": lambda file: file.symlink_to(file.name),
        "link out of the folder": outside,
        "zeros": lambda file: file.write_bytes(bytes(100)),
        "sparse": lambda file: os.truncate(os.open(file, os.O_CREAT | os.O_WRONLY), 1 << 36),
    }
    for name in FILES:
        for title, make in makers.items():
            if (name, title) != ("manifest.json", "sparse"):
                yield f"{name}: {title}", replaced(name, make, agree=True)


def names(model: Path) -> Iterator[tuple[str, Change]]:
    """A manifest that names what is not inside."""
    manifest = json.loads((model / "manifest.json").read_text(encoding="utf-8"))
    digest = next(iter(manifest["sha256"].values()))
    for name in (
        "../x",
        "/etc/passwd",
        "a/../../x",
        "C:x",
        "a\\b",
        "",
        ".",
        "..",
        "a//b",
        "./a",
        "manifest.json",
        "a\0b",
        "~",
    ):
        yield (
            f"manifest names {name!r}",
            text("manifest.json", json.dumps({"sha256": {**manifest["sha256"], name: digest}})),
        )
    many = {**manifest["sha256"], **{f"f{number}": digest for number in range(20_000)}}
    yield "manifest names 20,000 files", text("manifest.json", json.dumps({"sha256": many}))


def doors(model: Path) -> Iterator[tuple[str, Change]]:
    """What transformers would run, import or fetch."""
    config = json.loads((model / "backbone/config.json").read_text(encoding="utf-8"))
    evil = {"AutoConfig": "evil.EvilConfig", "AutoModel": "evil.EvilModel", "AutoTokenizer": ["evil.Evil", None]}
    changes: dict[str, dict[str, Any]] = {
        "code": {"model_type": "evil", "auto_map": evil},
        "code, known type": {"auto_map": evil},
        "code inside": {"text_config": {"model_type": "bert", "auto_map": evil}},
        "trust": {"trust_remote_code": True},
        "another encoder": {"model_type": "detr", "backbone": "microsoft/resnet-50"},
        "another encoder, known type": {"backbone": "microsoft/resnet-50", "use_timm_backbone": True},
        "encoder inside": {"backbone_config": {"model_type": "resnet"}},
        "quantised": {"quantization_config": {"quant_method": "bitsandbytes"}},
        "kernel": {"attn_implementation": "someone/kernel"},
        "kernel, inner key": {"_attn_implementation": "someone/kernel"},
        "kernel, innermost key": {"_attn_implementation_internal": "someone/kernel"},
        "kernels for experts": {"experts_implementation": "someone/kernel"},
        "attention of its own": {"attn_implementation": {"": "someone/kernel"}},
        "dtype": {"dtype": "load"},
        "old dtype": {"torch_dtype": "hub"},
        "path": {"_name_or_path": "someone/model"},
        "layers": {"num_hidden_layers": 10**6},
        "vocabulary": {"vocab_size": 10**8},
        "width": {"hidden_size": 1 << 20},
        "wide inside": {"intermediate_size": 1 << 22},
        "positions": {"max_position_embeddings": 1 << 22},
        "heads": {"num_attention_heads": 7},
        "no heads": {"num_attention_heads": 0},
        "activation": {"hidden_act": "os.system"},
        "decoder": {"is_decoder": True, "add_cross_attention": True},
        "encoder-decoder": {"is_encoder_decoder": True},
        "pruned": {"pruned_heads": {"0": [0, 1]}},
        "chunks": {"chunk_size_feed_forward": 3},
    }
    for title, change in changes.items():
        yield f"config.json: {title}", text("backbone/config.json", json.dumps({**config, **change}))
    for kind in (
        "gpt2",
        "t5",
        "clip",
        "vit",
        "detr",
        "whisper",
        "bros",
        "auto",
        "encoder-decoder",
        "timm_backbone",
        "a/b",
    ):
        yield f"config.json: type {kind}", text("backbone/config.json", json.dumps({**config, "model_type": kind}))
    for name, content in (
        ("adapter_config.json", {"base_model_name_or_path": "someone/model", "peft_type": "LORA"}),
        ("tokenizer_config.json", {"auto_map": evil, "tokenizer_class": "Evil"}),
        ("modules.json", [{"idx": 0, "name": "0", "path": "", "type": "evil.Evil"}]),
        ("generation_config.json", {"auto_map": evil}),
    ):
        yield f"beside: {name}", text(f"backbone/{name}", json.dumps(content))


def weights(model: Path) -> Iterator[tuple[str, Change]]:
    """Weights of another shape, type or kind, and detectors that learnt something else."""
    import numpy as np
    from safetensors.numpy import load_file, save_file

    def altered(file: str, alter: Callable[[dict[str, Any], str], None], name: str) -> Change:
        def change(model: Path) -> None:
            tensors = load_file(model / file)
            alter(tensors, name)
            save_file(tensors, model / file)
            rehash(model)

        return change

    def fill(value: float) -> Callable[[dict[str, Any], str], None]:
        return lambda tensors, name: tensors[name].flat.__setitem__(0, value)

    alterations: dict[str, Callable[[dict[str, Any], str], None]] = {
        "NaN": fill(np.nan),
        "infinite": fill(np.inf),
        "half": lambda tensors, name: tensors.update({name: tensors[name].astype(np.float16)}),
        "double": lambda tensors, name: tensors.update({name: tensors[name].astype(np.float64)}),
        "integers": lambda tensors, name: tensors.update({name: tensors[name].astype(np.int64)}),
        "one more": lambda tensors, name: tensors.update({name: np.concatenate([tensors[name], tensors[name][:1]])}),
        "flat": lambda tensors, name: tensors.update({name: tensors[name].ravel()}),
        "empty": lambda tensors, name: tensors.update({name: tensors[name][:0]}),
        "gone": lambda tensors, name: tensors.pop(name) is None,
        "another beside": lambda tensors, name: tensors.update({f"{name}_": tensors[name]}),
    }
    for file in ("model.safetensors", "detector.safetensors"):
        found = sorted(load_file(model / file))
        for name in dict.fromkeys([*found[:2], found[len(found) // 2], *found[-2:]]):
            for title, alter in alterations.items():
                yield f"{file}: {name} {title}", altered(file, alter, name)


def tokenizers(model: Path) -> Iterator[tuple[str, Change]]:
    """tokenizer.json with parts gone or of another kind."""
    name = "backbone/tokenizer.json"
    value = json.loads((model / name).read_text(encoding="utf-8"))
    for key in value:
        for new in (GONE, None, "x", {"type": "x"}, [1]):
            yield (
                f"{name}: {key} {'gone' if new is GONE else repr(new)}",
                text(name, json.dumps(put(value, (key,), new))),
            )
    vocabulary = value["model"]["vocab"]
    for title, change in {
        "empty": {},
        "beyond the encoder": {word: 10**6 + place for word, place in vocabulary.items()},
        "one": {"[UNK]": 0},
        "negative": dict.fromkeys(vocabulary, -1),
        "texts": dict.fromkeys(vocabulary, "x"),
    }.items():
        yield f"{name}: vocabulary {title}", text(name, json.dumps(put(value, ("model", "vocab"), change)))
    truncation = {"direction": "Right", "max_length": 1, "strategy": "LongestFirst", "stride": 10**6}
    yield f"{name}: stride", text(name, json.dumps({**value, "truncation": truncation}))
    yield f"{name}: length", text(name, json.dumps({**value, "truncation": {**truncation, "max_length": 2**63}}))


KINDS = (keys, texts, files, names, doors, weights, tokenizers)


def main(source: Path) -> dict[str, Any]:
    from nlu_kit.errors import NluKitError
    from nlu_kit.registry import Registry
    from nlu_kit.runtime.predictor import load

    registry = Registry.load()
    tried: list[str] = []

    def refuse(what: str) -> Callable[..., Any]:
        def call(*arguments: Any, **_: Any) -> Any:
            tried.append(f"{what} {arguments[1:] or arguments}")
            raise OSError(f"{what} is not allowed here")

        return call

    socket.socket.connect = refuse("connecting")  # type: ignore[method-assign]
    socket.getaddrinfo = refuse("looking up")  # type: ignore[assignment]
    builtins.input = refuse("asking")
    counts = {"clean errors": 0, "loads": 0}
    faults: list[str] = []
    load(source, registry=registry)("book a table in Paris")
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + SPARE, used + SPARE))
    with tempfile.TemporaryDirectory() as temporary:
        canary = Path(temporary) / "canary"
        for number, (title, change) in enumerate(case for kind in KINDS for case in kind(source)):
            model = Path(temporary) / str(number) / "model"
            shutil.copytree(source, model)
            (model / "backbone/evil.py").write_text(
                f"open({str(canary)!r}, 'w').close()\nEvilConfig = EvilModel = Evil = None\n"
            )
            change(model)
            try:
                load(model, registry=registry)("book a table in Paris")
                counts["loads"] += 1
            except NluKitError as error:
                str(error).encode()
                counts["clean errors"] += 1
            except BaseException as error:
                faults.append(f"{title}: {type(error).__name__}: {str(error)[:200]}")
            if canary.exists() or tried:
                faults.append(f"{title}: {'code ran' if canary.exists() else tried}")
                canary.unlink(missing_ok=True)
                tried.clear()
            shutil.rmtree(model.parent, ignore_errors=True)
    return {**counts, "faults": faults}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="a model folder that is whole")
    print(json.dumps(main(parser.parse_args().model)))
