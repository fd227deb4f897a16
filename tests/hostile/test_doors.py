"""Each door between a folder and code or the network, with a canary behind it: at training, and at the command line."""

from __future__ import annotations

import builtins
import json
import shutil
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import nlu_kit
from nlu_kit.errors import ModelError
from nlu_kit.plugin.contracts import BackboneContext
from nlu_kit_backbones import SentenceTransformerParams, TransformerParams, sentence_transformer, transformer

EVIL = {"AutoConfig": "evil.EvilConfig", "AutoModel": "evil.EvilModel", "AutoTokenizer": ["evil.Evil", None]}
MODULES = [
    {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
    {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
]


@pytest.fixture
def canary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that no test may find, and a world in which every connection and question is an error."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("nothing may be asked")

    for owner, name in ((socket.socket, "connect"), (socket, "getaddrinfo"), (builtins, "input")):
        monkeypatch.setattr(owner, name, refuse)
    return tmp_path / "canary"


@pytest.fixture
def folder(tiny_bert: Path, tmp_path: Path, canary: Path) -> Path:
    """A sentence-transformers folder around the tiny BERT, with Python files in it that write the canary."""
    copied = Path(shutil.copytree(tiny_bert, tmp_path / "encoder"))
    (copied / "1_Pooling").mkdir()
    pooling = {"word_embedding_dimension": 32, "pooling_mode_mean_tokens": True}
    for name, value in (("modules.json", MODULES), ("1_Pooling/config.json", pooling)):
        (copied / name).write_text(json.dumps(value), encoding="utf-8")
    code = f"open({str(canary)!r}, 'w').close()\nEvil = EvilConfig = EvilModel = None\n"
    for name in ("evil.py", "sitecustomize.py", "1_Pooling/evil.py"):
        (copied / name).write_text(code, encoding="utf-8")
    return copied


def build_transformer(folder: Path) -> Any:
    return transformer.build(TransformerParams(model=str(folder)), BackboneContext(base_dir=Path()))


def build_sentence_transformer(folder: Path) -> Any:
    return sentence_transformer.build(SentenceTransformerParams(model=str(folder)), BackboneContext(base_dir=Path()))


BUILDERS = [build_transformer, build_sentence_transformer]


def merge(file: Path, value: Any) -> None:
    old = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    file.write_text(json.dumps({**old, **value} if isinstance(value, dict) else value), encoding="utf-8")


@pytest.mark.parametrize("build", BUILDERS)
def test_the_folder_itself_loads(folder: Path, canary: Path, build: Callable[[Path], Any]) -> None:
    assert build(folder).width == 32
    assert not canary.exists()


@pytest.mark.parametrize("build", BUILDERS)
@pytest.mark.parametrize(
    ("file", "change", "message"),
    [
        ("config.json", {"auto_map": EVIL}, r"config\.json asks to run code of its own \(auto_map\)"),
        ("config.json", {"auto_map": EVIL, "model_type": "evil"}, r"config\.json asks to run code"),
        ("config.json", {"inner": [{"auto_map": EVIL}]}, r"config\.json asks to run code"),
        ("config.json", {"trust_remote_code": True}, r"config\.json asks to run code"),
        ("config.json", {"model_type": "evil"}, r"config\.json: model_type: 'evil' is none of the architectures"),
        ("config.json", {"model_type": "detr", "backbone": "microsoft/resnet-50"}, "model_type: 'detr' is none of"),
        ("config.json", {"backbone": "microsoft/resnet-50"}, "backbone: an encoder inside another one"),
        ("config.json", {"text_config": {"model_type": "bert"}}, "text_config: an encoder inside another one"),
        ("config.json", {"quantization_config": {"quant_method": "gptq"}}, "quantised weights are not loaded"),
        ("config.json", {"attn_implementation": "someone/kernel"}, "'someone/kernel' is none of eager, sdpa"),
        ("config.json", {"_attn_implementation": "someone/kernel@1:f"}, "is none of eager, sdpa"),
        ("config.json", {"torch_dtype": "load"}, "torch_dtype: 'load' is none of"),
        ("config.json", {"num_hidden_layers": 10**6}, "num_hidden_layers: 1000000 is out of bounds: 512"),
        ("config.json", {"vocab_size": 10**8}, "vocab_size: 100000000 is out of bounds"),
        ("tokenizer_config.json", {"auto_map": EVIL}, r"tokenizer_config\.json asks to run code"),
        (
            "adapter_config.json",
            {"base_model_name_or_path": "someone/model"},
            "an adapter needs a model",
        ),
        ("1_Pooling/config.json", {"auto_map": EVIL}, r"1_Pooling/config\.json asks to run code"),
        ("modules.json", [{**MODULES[0], "type": "evil.Evil"}], "'evil.Evil' is none of sentence-transformers' own"),
        ("modules.json", [{**MODULES[0], "type": "sentence_transformers.evil.Evil"}], "is none of"),
        ("modules.json", [{**MODULES[0], "path": "../other"}], "leads out of the folder"),
        ("modules.json", [{**MODULES[0], "path": "/etc"}], "leads out of the folder"),
        ("modules.json", [], "expected a list of modules"),
        ("modules.json", "[" * 12_000, "expected a list of modules"),
        ("sentence_bert_config.json", {"model_args": {"trust_remote_code": True}}, "asks to run code"),
        ("sentence_bert_config.json", {"config_args": {"attn_implementation": "a/b"}}, "arguments for transformers"),
    ],
)
def test_a_door_stays_shut_at_training(
    folder: Path, canary: Path, build: Callable[[Path], Any], file: str, change: Any, message: str
) -> None:
    merge(folder / file, change)
    with pytest.raises(ModelError, match=message):
        build(folder)
    assert not canary.exists()


def test_a_word_called_auto_map_is_a_word(folder: Path) -> None:
    merge(folder / "vocab.json", {"auto_map": 17, "trust_remote_code": 3})
    assert build_transformer(folder).width == 32


@pytest.mark.parametrize("rest", [{"model_type": "evil"}, {}])
def test_predict_takes_no_answer_for_a_question(
    trained: Any, tmp_path: Path, run_cli: Any, rehash: Any, rest: dict[str, Any]
) -> None:
    """The first text on stdin is "y": nobody may take it for the answer to "run the custom code?"."""
    model = Path(shutil.copytree(trained.model_dir, tmp_path / "model"))
    merge(model / "backbone/config.json", {**rest, "auto_map": EVIL})
    (model / "backbone/evil.py").write_text(f"open({str(tmp_path / 'canary')!r}, 'w').close()\n", encoding="utf-8")
    rehash(model)
    done = run_cli(tmp_path, "predict", "-m", str(model), "-", stdin="y\nbook a table\n")
    assert (done.returncode, done.stdout) == (2, "")
    assert "backbone/config.json asks to run code of its own (auto_map)" in done.stderr
    assert not (tmp_path / "canary").exists()


def test_a_link_that_moves_mixes_no_models(trained: Any, tmp_path: Path, rehash: Any) -> None:
    """Two models with other labels, and a link that goes from one to the other all the time."""
    runs = tmp_path / "runs"
    for name, suffix in (("one", ""), ("two", "_two")):
        shutil.copytree(trained.model_dir, runs / name / "model")
        if suffix:
            relabel(runs / name / "model", suffix)
            rehash(runs / name / "model")
    stop = threading.Event()

    def switch() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            (runs / "next").symlink_to(("one", "two")[number % 2], target_is_directory=True)
            (runs / "next").replace(runs / "latest")
            time.sleep(0.001)

    (runs / "latest").symlink_to("one", target_is_directory=True)
    switching = threading.Thread(target=switch)
    switching.start()
    try:
        seen = set()
        for _ in range(20):
            model = nlu_kit.load(runs / "latest")
            weights = model.network.model.heads["intent"].classifier.bias[0].item()
            seen.add((model.codecs["intent"].labels.names[0], weights))
    finally:
        stop.set()
        switching.join()
    assert len({label for label, _ in seen}) == len(seen), "each has its own weights"


def relabel(model: Path, suffix: str) -> None:
    """Other labels and other weights."""
    from safetensors.numpy import load_file, save_file

    description = json.loads((model / "model.json").read_text(encoding="utf-8"))
    description["labels"]["intent"] = [name + suffix for name in description["labels"]["intent"]]
    (model / "model.json").write_text(json.dumps(description), encoding="utf-8")
    tensors = load_file(model / "model.safetensors")
    tensors["heads.intent.classifier.bias"] += 1.0
    save_file(tensors, model / "model.safetensors")
