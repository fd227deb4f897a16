"""The levers of the ablation: what is changed against the base, and how."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Lever:
    """``settings`` for ``--set``; ``program`` stands in for `nlu-kit`; ``prepare`` makes an encoder first. What is
    ``removed`` can't be run any more; its results stay."""

    title: str
    settings: Sequence[str] = ()
    program: Sequence[str] = ("-m", "nlu_kit")
    prepare: Sequence[str] = ()
    removed: bool = False


CRF = 'heads.ner={"type": "crf_ner"}'


def experiment(*options: str) -> Sequence[str]:
    return ("benchmarks/regularisers.py", *options)


LEVERS = {
    "base": Lever("base: `ner`, encoder 2e-4, heads 1e-3, 12 epochs, batches of 32"),
    "crf": Lever("`crf_ner`", [CRF]),
    "lr_5e-5": Lever("encoder 5e-5", ["freezing.encoder_lr=5e-5"]),
    "lr_1e-4": Lever("encoder 1e-4", ["freezing.encoder_lr=1e-4"]),
    "lr_3e-4": Lever("encoder 3e-4", ["freezing.encoder_lr=3e-4"]),
    "lr_5e-4": Lever("encoder 5e-4", ["freezing.encoder_lr=5e-4"]),
    "batch_16": Lever("batches of 16", ["training.batch_size=16"]),
    "epochs_24": Lever("24 epochs", ["training.epochs=24", "training.patience=24"]),
    "mean_pooling": Lever("subwords' mean instead of the first", ["heads.ner.pooling=mean"]),
    "lstm_pooling": Lever("an LSTM over subwords (since removed)", removed=True),
    "hidden": Lever("a hidden layer of 384 in the NER head", ["heads.ner.hidden=384"]),
    "dropout": Lever("dropout 0.3 in both heads", ["heads.ner.dropout=0.3", "heads.intent.dropout=0.3"]),
    "uncertainty": Lever("`uncertainty` balancing", ["balancing=uncertainty"]),
    "smoothing": Lever(
        "label smoothing 0.1, both heads",
        ["heads.ner.loss=label_smoothing", "heads.intent.loss=label_smoothing"],
    ),
    "bilou": Lever("BILOU", ["heads.ner.scheme=bilou"]),
    "llrd": Lever(
        "learning rates that fall by 0.9 a layer",
        ['freezing={"type": "layerwise_decay", "encoder_lr": 2e-4, "head_lr": 1e-3, "decay": 0.9}'],
    ),
    "no_warmup": Lever("no warm-up", ["training.warmup=0"]),
    "focal": Lever("`focal` loss of NER", ["heads.ner.loss=focal"]),
    "dice": Lever("`dice` loss of NER (since removed)", removed=True),
    "ema": Lever("EMA of the weights, 0.99 a step", program=experiment("--ema", "0.99")),
    "rdrop": Lever("R-Drop, 1.0", program=experiment("--rdrop", "1.0")),
    "fgm_0.03": Lever("`fgm` 0.03", ["training.fgm=0.03"]),
    "fgm_0.1": Lever("`fgm` 0.1", ["training.fgm=0.1"]),
    "fgm_0.3": Lever("`fgm` 0.3", ["training.fgm=0.3"]),
    "word_dropout": Lever("words hidden behind [MASK], 0.1", program=experiment("--word-dropout", "0.1")),
    "mentions": Lever("entities replaced by others of their label, 0.3", program=experiment("--mentions", "0.3")),
    "mlm": Lever("masked language modelling on the training texts first", prepare=["benchmarks/mlm.py"]),
}
