"""`new_bert`: a BERT with random weights, and a WordPiece tokenizer that is trained on the texts at hand."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

from tokenizers import Tokenizer as RawTokenizer
from tokenizers import models, normalizers, pre_tokenizers, processors, trainers
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

from nlu_kit.plugin import Backbone, BackboneContext, DataError, legible, plain_texts
from nlu_kit_backbones import NewBertParams
from nlu_kit_backbones.encoder import EncoderBackbone
from nlu_kit_backbones.quiet import quiet

_MOST_READ = 1 << 20  # characters of a line
PAD, UNKNOWN, FIRST, LAST, MASK = SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def build(params: NewBertParams, context: BackboneContext) -> Backbone:
    """Random weights (of torch's seed), or restored from a model folder's assets."""
    if context.assets is not None:
        return EncoderBackbone.restore(context.assets)
    paths = [context.base_dir / Path(text).expanduser() for text in params.texts]
    raw = _tokenizer(lambda: map(_as_read, itertools.chain.from_iterable(map(plain_texts, paths))), params.vocabulary)
    if raw.get_vocab_size() <= len(SPECIAL):
        raise DataError(f"{', '.join(map(str, paths))}: there is no text to train a tokenizer on")
    config = BertConfig(
        vocab_size=raw.get_vocab_size(),
        hidden_size=params.width,
        num_hidden_layers=params.layers,
        num_attention_heads=params.attention_heads,
        intermediate_size=4 * params.width,
        max_position_embeddings=params.max_length,
        pad_token_id=raw.token_to_id(PAD),
    )
    whole = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=raw, pad_token=PAD, unk_token=UNKNOWN, cls_token=FIRST, sep_token=LAST, mask_token=MASK
    )
    with quiet():
        encoder = BertModel(config, add_pooling_layer=False)
    return EncoderBackbone.pretrained(
        encoder, whole, folder=context.base_dir, max_length=params.max_length, usual=params.max_length, pooling="mean"
    )


def _as_read(text: str) -> str:
    """As the tokenizer will get it: a form of a letter that it never sees needs no place in its vocabulary, and the
    letter itself one."""
    return legible(text, _MOST_READ).text


def _tokenizer(texts: Callable[[], Iterator[str]], vocabulary: int) -> RawTokenizer:
    """The same for the same texts, which the trainer alone is not: it numbers the single characters that go on with a
    word in the order of a hash map, and breaks ties by these numbers. Here they are numbered before."""
    raw = _empty(models.WordPiece(unk_token=UNKNOWN))
    going_on = {character for text in texts() for word in _words(raw, text) for character in word[1:]}
    known = [*SPECIAL, *(f"##{character}" for character in sorted(going_on))]
    trainer = trainers.WordPieceTrainer(vocab_size=vocabulary, special_tokens=known, show_progress=False)
    raw.train_from_iterator(texts(), trainer)
    raw = _empty(models.WordPiece(raw.get_vocab(), unk_token=UNKNOWN))  # in which only the special tokens are special
    raw.add_special_tokens(list(SPECIAL))
    ids = [(token, raw.token_to_id(token)) for token in (FIRST, LAST)]
    raw.post_processor = processors.TemplateProcessing(single=f"{FIRST} $A {LAST}", special_tokens=ids)
    return raw


def _empty(model: models.WordPiece) -> RawTokenizer:
    raw = RawTokenizer(model)
    raw.normalizer = normalizers.BertNormalizer(lowercase=True)
    raw.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return raw


def _words(raw: RawTokenizer, text: str) -> list[str]:
    return [word for word, _ in raw.pre_tokenizer.pre_tokenize_str(raw.normalizer.normalize_str(text))]
