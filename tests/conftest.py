"""A tiny encoder, a tiny corpus that it can learn, and pipelines of both: real runs in seconds."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys

# Before torch and the hub client are imported: one thread, which is faster for tiny tensors (and by far on a busy
# machine, where threads wait for each other), and no network.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["HF_HUB_OFFLINE"] = "1"

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

# How long an example takes says more about what else the machine does than about the code.
settings.register_profile("nlu-kit", deadline=None)
settings.load_profile("nlu-kit")

WritePipeline = Callable[..., Path]
RunCli = Callable[..., "subprocess.CompletedProcess[str]"]

PATTERNS = {
    "book": ["book a table in {city}", "i need a table in {city}", "a hotel in {city} please", "book a table"],
    "play": ["play some {genre}", "i want to hear {genre}", "more {genre} please", "play music"],
    "wake": ["wake me at {time}", "set the alarm to {time}", "alarm at {time} please", "wake me up"],
}
VALUES = {
    "city": ["Paris", "Rome", "New York", "Berlin", "Tel Aviv", "Oslo"],
    "genre": ["jazz", "rock", "hip hop", "folk", "blues", "opera"],
    "time": ["seven", "noon", "half past six", "eight", "ten", "midnight"],
}
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def utterances() -> list[dict[str, Any]]:
    """57 records: each pattern with each value, those without a slot once; deterministic, intents interleaved."""
    records = []
    for intent, patterns in PATTERNS.items():
        for pattern in patterns:
            label = pattern[pattern.index("{") + 1 : pattern.index("}")] if "{" in pattern else None
            for value in VALUES[label] if label else [""]:
                text = pattern.format(**{label: value}) if label else pattern
                start = text.index(value)
                entities = [{"start": start, "end": start + len(value), "label": label}] if label else []
                records.append({"text": text, "intent": intent, "entities": entities})
    return sorted(records, key=lambda record: record["text"][::-1])


def write_jsonl(file: Path, records: list[dict[str, Any]]) -> Path:
    file.write_text("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records), encoding="utf-8")
    return file


@pytest.fixture(autouse=True)
def usual_signals() -> Iterator[None]:
    """As at a terminal. Under nohup, or in a shell's background, these are ignored, and children inherit that."""
    usual: dict[int, Any] = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
    if hasattr(signal, "SIGHUP"):
        usual[signal.SIGHUP] = signal.SIG_DFL
    before = {number: signal.signal(number, handler) for number, handler in usual.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture(scope="session")
def records() -> list[dict[str, Any]]:
    """The corpus as records of our jsonl format."""
    return utterances()


@pytest.fixture(scope="session")
def jsonl() -> Callable[[Path, list[dict[str, Any]]], Path]:
    """``jsonl(file, records)`` writes a corpus."""
    return write_jsonl


@pytest.fixture(scope="session")
def run_cli() -> RunCli:
    """``run_cli(folder, "config", "check")``: the command line as a user runs it, in another process and that folder.

    ``stdin`` is what it reads there, other keywords are its environment, where no ``NLU_KIT_…`` of ours is left.
    """

    def run(
        folder: Path, *arguments: str, stdin: str | None = None, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("NLU_KIT_")}
        return subprocess.run(
            [sys.executable, "-m", "nlu_kit", *arguments],
            cwd=folder,
            env={**environment, "PYTHONUTF8": "1", **variables},
            input=stdin,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=300,
            check=False,
        )

    return run


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory, records: list[dict[str, Any]]) -> Path:
    """A folder with train.jsonl (all 57), dev.jsonl and test.jsonl (a part of them: what counts here is to learn)."""
    folder = tmp_path_factory.mktemp("corpus")
    write_jsonl(folder / "train.jsonl", records)
    write_jsonl(folder / "dev.jsonl", records[::3])
    write_jsonl(folder / "test.jsonl", records[1::3])
    return folder


@pytest.fixture(scope="session")
def raw_tokenizer() -> Callable[[], Any]:
    """``raw_tokenizer()``: a fresh WordPiece tokenizer of the corpus's words, and of characters for all else."""

    def make() -> Any:
        from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

        words = sorted({word for record in utterances() for word in record["text"].lower().split()})
        characters = [chr(code) for code in range(33, 127) if not chr(code).isupper()]
        pieces = [*SPECIAL, *characters, *(f"##{character}" for character in characters), *words]
        vocabulary = {piece: position for position, piece in enumerate(dict.fromkeys(pieces))}
        tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
        tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        tokenizer.post_processor = processors.TemplateProcessing(
            single="[CLS] $A [SEP]", special_tokens=[(name, vocabulary[name]) for name in ("[CLS]", "[SEP]")]
        )
        return tokenizer

    return make


@pytest.fixture(scope="session")
def save_encoder(raw_tokenizer: Callable[[], Any]) -> Callable[[Path, Any], Path]:
    """``save_encoder(folder, config)``: a Hugging Face folder of that architecture with random weights."""

    def save(folder: Path, config: Any) -> Path:
        import torch
        from transformers import AutoModel, PreTrainedTokenizerFast

        with torch.random.fork_rng():
            torch.manual_seed(7)
            AutoModel.from_config(config).save_pretrained(folder)
        names = dict(zip(("pad", "unk", "cls", "sep", "mask"), SPECIAL, strict=True))
        tokens = {f"{key}_token": name for key, name in names.items()}
        PreTrainedTokenizerFast(tokenizer_object=raw_tokenizer(), **tokens).save_pretrained(folder)
        return folder

    return save


@pytest.fixture(scope="session")
def tiny_bert(tmp_path_factory: pytest.TempPathFactory, save_encoder: Any, raw_tokenizer: Any) -> Path:
    """The folder of a random BERT: 2 layers of width 32, 2 heads, no dropout, 64 positions."""
    from transformers import BertConfig

    config = BertConfig(
        vocab_size=raw_tokenizer().get_vocab_size(),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        initializer_range=0.2,  # at the usual 0.02 so narrow an encoder learns too slowly for a test
    )
    folder: Path = save_encoder(tmp_path_factory.mktemp("tiny-bert"), config)
    return folder


@pytest.fixture(scope="session")
def pipeline_sections(tiny_bert: Path, corpus: Path) -> Callable[..., dict[str, Any]]:
    """``pipeline_sections(training={"epochs": 2}, sampler="random")``: the tiny pipeline with sections merged over."""

    def sections(**changes: Any) -> dict[str, Any]:
        base: dict[str, Any] = {
            "name": "tiny",
            "recipe": "standard",  # its examples are few
            "data": {split: str(corpus / f"{split}.jsonl") for split in ("train", "dev", "test")},
            "backbone": {"type": "transformer", "model": str(tiny_bert)},
            "heads": {"intent": {"type": "intent", "dropout": 0.0}, "ner": {"type": "ner", "dropout": 0.0}},
            "sampler": {"type": "random"},
            "freezing": {"type": "discriminative", "encoder_lr": 3e-3, "head_lr": 1e-2},
            "training": {
                "epochs": 1,
                "batch_size": 16,
                "device": "cpu",
                "precision": "fp32",
                "sanity_examples": 1,
                "export": False,  # which takes longer than such a training
            },
        }
        for key, value in changes.items():
            base[key] = {**base[key], **value} if key in ("data", "training") else value
        return base

    return sections


@pytest.fixture(scope="session")
def write_pipeline(pipeline_sections: Callable[..., dict[str, Any]]) -> WritePipeline:
    """``write_pipeline(folder, training={"epochs": 2})`` writes pipeline.json and returns its path."""

    def write(folder: Path, **changes: Any) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / "pipeline.json"
        file.write_text(json.dumps(pipeline_sections(**changes), indent=2), encoding="utf-8")
        return file

    return write


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, write_pipeline: WritePipeline) -> Any:
    """The result of one run that learnt the corpus by heart. Read it, but don't change its files."""
    from nlu_kit.training.run import train

    folder = tmp_path_factory.mktemp("trained")
    training = {"epochs": 12, "schedule": "constant"}
    decoding = {"prior_correction": False}  # dev is too small to ask how much of it is right
    return train(write_pipeline(folder, training=training, decoding=decoding), runs=folder / "runs")


@pytest.fixture(scope="session")
def exported(trained: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model of that run with a graph, so that it predicts without torch. Read it, but don't change its files."""
    from nlu_kit.model.folder import open_model
    from nlu_kit.registry import Registry
    from nlu_kit.runtime.export import add_graph

    folder = tmp_path_factory.mktemp("exported") / "model"
    shutil.copytree(trained.model_dir, folder)
    texts = [record["text"] for record in utterances()]
    add_graph(open_model(folder, Registry.load()), texts)
    return folder


@pytest.fixture(scope="session")
def figures() -> Callable[..., dict[str, float]]:
    """``figures(codec, examples, predictions)``: what an evaluation shows of them."""

    def of(codec: Any, examples: Any, predictions: Any) -> dict[str, float]:
        counts = {name: counted.value for name, counted in codec.counts(examples, predictions).items()}
        return counts | dict(codec.figures(examples, predictions))

    return of
