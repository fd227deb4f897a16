"""`new_bert`: a BERT with random weights, and a WordPiece tokenizer that is trained on the texts at hand."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

from tokenizers import Tokenizer as RawTokenizer
from tokenizers import models, normalizers, pre_tokenizers, processors, trainers
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

from nlu_kit.plugin import Backbone, BackboneContext, DataError, plain_texts
from nlu_kit_backbones import NewBertParams
from nlu_kit_backbones.encoder import EncoderBackbone
from nlu_kit_backbones.quiet import quiet

PAD, UNKNOWN, FIRST, LAST, MASK = SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def build(params: NewBertParams, context: BackboneContext) -> Backbone:
    """Random weights (of torch's seed), or restored from a model folder's assets."""
    if context.assets is not None:
        return EncoderBackbone.restore(context.assets)
    paths = [context.base_dir / Path(text).expanduser() for text in params.texts]
    raw = _tokenizer(itertools.chain.from_iterable(map(plain_texts, paths)), params.vocabulary)
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


def _tokenizer(texts: Iterator[str], vocabulary: int) -> RawTokenizer:
    raw = RawTokenizer(models.WordPiece(unk_token=UNKNOWN))
    raw.normalizer = normalizers.BertNormalizer(lowercase=True)
    raw.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    raw.train_from_iterator(
        texts, trainers.WordPieceTrainer(vocab_size=vocabulary, special_tokens=list(SPECIAL), show_progress=False)
    )
    ids = [(token, raw.token_to_id(token)) for token in (FIRST, LAST)]
    raw.post_processor = processors.TemplateProcessing(single=f"{FIRST} $A {LAST}", special_tokens=ids)
    return raw
