"""The architectures (``model_type`` of config.json) that work as a backbone.

How they were found: tests/plugins/backbones/test_architectures.py builds a small random one of each, with every number
moved off its initial value, and asks of it what a backbone promises: each parameter in one layer, padding that changes
nothing, the same vectors from a stored model, and resume points that give the whole encoder's result. All that reads
plain text and has a fast tokenizer in transformers 5.23 was tried. What fails is refused when it is loaded, with the
reason; the test has those too.
"""

from __future__ import annotations

ENCODERS = (
    "albert",
    "bert",
    "bert-generation",
    "big_bird",
    "camembert",
    "data2vec-text",
    "deberta",
    "deberta-v2",
    "distilbert",
    "electra",
    "embedding_gemma2_text",
    "ernie",
    "eurobert",
    "gte",
    "ibert",
    "jina_embeddings_v3",
    "layoutlm",
    "lilt",
    "longformer",
    "luke",
    "megatron-bert",
    "mobilebert",
    "modernbert",
    "mpnet",
    "nomic_bert",
    "openai_privacy_filter",
    "rembert",
    "roberta",
    "roberta-prelayernorm",
    "roformer",
    "splinter",
    "squeezebert",
    "ultrabert",
    "xlm-roberta",
    "xlm-roberta-xl",
    "xlnet",
    "xmod",
)
"""Encoders: a token's vector knows the whole text."""

DECODERS = ("gemma3_text", "gpt2", "llama", "mistral", "qwen2", "qwen3")
"""Language models that embed texts too. They read from left to right: a token's vector knows nothing of what follows
(but for EmbeddingGemma's, a ``gemma3_text`` that reads both ways)."""
