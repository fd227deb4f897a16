"""What pre-training an encoder gains: the figures of docs/pretraining.md.

    python benchmarks/pretraining.py similarity      # triplets of STS-B, MSRP and the QQP sample; Spearman on STS-B
    python benchmarks/pretraining.py words           # hidden words and spans first, then SNIPS with few utterances
    python benchmarks/pretraining.py few             # contrast of intents first, then CLINC150 with few examples
    python benchmarks/pretraining.py teacher         # a larger encoder, fine-tuned, as teacher
    python benchmarks/pretraining.py full            # the same with all of SNIPS and ATIS; test
    python benchmarks/pretraining.py page            # writes the tables of docs/pretraining.md

Rows are appended to benchmarks/results/pretraining.jsonl; what is there already is not run again. ``--place FOLDER``
keeps the encoders, so that a second call takes them from there. SNIPS and ATIS are measured on dev, but with all
utterances on test; test of STS-B is read before and after, of the others once a run, and nothing is chosen by it.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

from corpora import REPOSITORY, clinc150, corpus_folder, cut
from few_examples import subset, write

RESULTS = REPOSITORY / "benchmarks" / "results" / "pretraining.jsonl"
PAGE = REPOSITORY / "docs" / "pretraining.md"
SEEDS = (42, 43, 44)
SMALL = {"type": "new_bert", "texts": ["texts.txt"], "layers": 4, "width": 256}
SPLITS = ("train", "dev", "test")
DEV = 600
Row = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=[*PROOFS, "page"])
    parser.add_argument("--seeds", nargs="+", type=int, default=list(SEEDS))
    parser.add_argument("--corpora", nargs="+", help="of teacher and full; as it is, all")
    parser.add_argument("--place", type=Path, help="keep here what is trained on the way")
    arguments = parser.parse_args()
    if arguments.what == "page":
        write_page()
        return
    with nullcontext(arguments.place) if arguments.place else tempfile.TemporaryDirectory() as place:
        for key, run in PROOFS[arguments.what](Path(place).resolve(), arguments.seeds):
            if arguments.corpora and key.get("corpus") not in arguments.corpora:
                continue
            key = {"proof": arguments.what, **key}
            if any(all(row.get(name) == value for name, value in key.items()) for row in rows()):
                continue
            began = time.perf_counter()
            row = {**key, **run(), "seconds": round(time.perf_counter() - began)}
            with RESULTS.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(row) + "\n")
            print(row, flush=True)


def rows() -> list[Row]:
    return [json.loads(line) for line in RESULTS.read_text("utf-8").splitlines()] if RESULTS.exists() else []


Runs = Iterator[tuple[Row, Callable[[], Row]]]


# --- pairs: do sentences that mean the same come together? ------------------------------------------------------------


def similarity(place: Path, seeds: Sequence[int]) -> Runs:
    """Triplets of all paraphrases there are; measured on STS-B."""
    stsb, pairs = corpus_folder("stsb"), paraphrases()
    measured = {"dev": [str(stsb / "stsb-en-dev.csv")], "test": [str(stsb / "stsb-en-test.csv")]}
    lines = [line for file in pairs for line in Path(file).read_text("utf-8").splitlines()]
    (place / "texts.txt").write_text("\n".join(lines), "utf-8")
    embedded, small = {"type": "sentence_transformer"}, SMALL
    arms: dict[str, tuple[Any, str, float, int]] = {
        "all-MiniLM-L6-v2, triplet": (embedded, "triplet", 2e-5, 1),
        "all-MiniLM-L6-v2, mined triplet": (embedded, "triplet", 2e-5, 1),
        "all-MiniLM-L6-v2, cosine": (embedded, "cosine", 2e-5, 1),
        "new BERT, triplet": (small, "triplet", 5e-4, 3),
        "new BERT, cosine": (small, "cosine", 5e-4, 3),
    }
    for seed in seeds:
        for arm, (backbone, objective, rate, epochs) in arms.items():
            train = pairs if objective == "triplet" else pairs[:1]
            section = {"type": objective, "train": train, **measured}
            section |= {"negatives": "corpus"} if "mined" in arm else {}
            plan = plan_of(backbone, [section], rate=rate, epochs=epochs, seed=seed)
            yield {"arm": arm, "seed": seed}, partial(similar, place, plan)


def paraphrases() -> list[str]:
    """The files of pairs to learn from."""
    stsb, msrp, qqp = (corpus_folder(name) for name in ("stsb", "msrp", "qqp_sample"))
    return [str(stsb / "stsb-en-train.csv"), str(msrp / "msr-para-train.tsv"), str(qqp / "train.csv")]


def similar(place: Path, plan: Row) -> Row:
    report = json.loads((pretrained(place, plan) / "report.json").read_text("utf-8"))
    return {when: report[when] for when in ("before", "after")} | {"best_epoch": report["best_epoch"]}


# --- hidden words: do tokens gain? ------------------------------------------------------------------------------------


def words(place: Path, seeds: Sequence[int]) -> Runs:
    """SNIPS with 200 and 1,000 utterances, on encoders that have read all texts of three corpora, and on those that
    have not; with all of the encoder moving, or with its lower half frozen."""
    unlabelled(place / "texts.txt")
    stsb, minilm = corpus_folder("stsb"), {"type": "sentence_transformer"}
    triplet = {"train": paraphrases(), "dev": [str(stsb / "stsb-en-dev.csv")]}
    plans: dict[str, Any] = {
        "none": None,
        "mlm": plan_of(minilm, [{"type": "mlm", "texts": ["texts.txt"]}], rate=5e-5),
        "span": plan_of(minilm, [{"type": "span", "texts": ["texts.txt"]}], rate=5e-5),
        "triplet": plan_of(minilm, [{"type": "triplet", **triplet}], rate=2e-5),
    }

    def run(key: Row) -> Row:
        name = key["arm"]
        encoder = None if name == "none" else pretrained(place, plans[name], name=name)
        return snips(place, encoder, key["utterances"], key["frozen"], key["seed"])

    for seed in seeds:
        for name in plans:
            for frozen in ("nothing", "lower half") if name in ("none", "mlm") else ("lower half",):
                for utterances in (200, 1000):
                    key = {"arm": name, "utterances": utterances, "frozen": frozen, "seed": seed}
                    yield key, partial(run, key)


def unlabelled(file: Path) -> None:
    """The texts of all training utterances of SNIPS, ATIS and CLINC150."""
    texts = [(corpus_folder(name) / "train" / "seq.in").read_text("utf-8") for name in ("snips", "atis")]
    file.write_text("".join([*texts, *(f"{text}\n" for text, _ in clinc150("train"))]), "utf-8")


def snips(place: Path, encoder: Path | None, utterances: int, frozen: str, seed: int) -> Row:
    folder = place / f"snips-{utterances}"
    folder.mkdir(exist_ok=True)
    (folder / "train").mkdir(exist_ok=True)
    cut("snips", "train", folder / "train", utterances)
    freezing = {"type": "discriminative", "encoder_lr": 2e-4}
    if frozen != "nothing":
        freezing = {"type": "freeze_lower", "encoder_lr": 2e-4, "fraction": 0.5}
    return trained(
        folder,
        {
            "data": {"train": "train", "dev": str(corpus_folder("snips") / "dev"), "reader": "parallel"},
            "backbone": {"type": "sentence_transformer", **({"model": str(encoder)} if encoder else {})},
            "heads": {"intent": "intent", "ner": "ner"},
            "freezing": freezing,
        },
        epochs=20 if utterances < 1000 else 12,
        seed=seed,
        split="dev",
    )


# --- intents: are the vectors better to begin at? ---------------------------------------------------------------------


def few(place: Path, seeds: Sequence[int]) -> Runs:
    """CLINC150 with 5 and 10 examples an intent, as benchmarks/few_examples.py has them, in three subsets."""
    for number, _ in enumerate(seeds):
        for count in (5, 10):
            for arm in ("none", "supervised_contrastive"):
                key = {"arm": arm, "examples": count, "subset": number}
                yield key, partial(few_run, place, arm, count, number)


def few_run(place: Path, arm: str, count: int, seed: int) -> Row:
    folder = place / f"clinc-{arm}-{count}-{seed}"
    folder.mkdir(parents=True, exist_ok=True)
    write(folder / "train.jsonl", subset(clinc150("train"), count, seed))
    write(folder / "dev.jsonl", random.Random(0).sample(clinc150("val"), DEV))
    write(folder / "test.jsonl", clinc150("test"))
    backbone: Row = {"type": "sentence_transformer"}
    if arm != "none":
        section = {"type": arm, "corpora": ["train.jsonl"], "dev": ["dev.jsonl"]}
        plan = plan_of(backbone, [section], rate=5e-5, epochs=3, seed=seed)
        backbone["model"] = str(pretrained(folder, plan))
    pipeline = {
        "data": {"train": "train.jsonl", "dev": "dev.jsonl", "test": "test.jsonl"},
        "backbone": backbone,
        "heads": {"intent": "intent"},
    }
    return trained(folder, pipeline, epochs=None, seed=seed, split="test")


# --- a teacher --------------------------------------------------------------------------------------------------------


def teacher(place: Path, seeds: Sequence[int]) -> Runs:
    """mpnet, fine-tuned on 1,000 utterances, answers them and 3,000 texts more; all-MiniLM-L6-v2 learns from the
    annotation and from its answers."""
    for corpus in ("snips", "atis"):
        folder = place / f"teacher-{corpus}"
        teach = partial(thousand, folder, corpus, {"model": "mpnet"}, rate=1e-4, seed=42)
        yield {"arm": "teacher", "corpus": corpus, "seed": 42}, teach
        texts = (corpus_folder(corpus) / "train" / "seq.in").read_text("utf-8").splitlines()[1000:4000]
        (place / f"{corpus}.txt").write_text("\n".join(texts) + "\n", "utf-8")
        for seed in seeds:
            alone = partial(thousand, place / f"alone-{corpus}-{seed}", corpus, {}, rate=2e-4, seed=seed)
            yield {"arm": "alone", "corpus": corpus, "seed": seed}, alone
            yield {"arm": "taught", "corpus": corpus, "seed": seed}, partial(taught, place, corpus, seed, teach)


def taught(place: Path, corpus: str, seed: int, teach: Callable[[], Row]) -> Row:
    model = place / f"teacher-{corpus}" / "latest" / "model"
    if not model.exists():
        teach()
    section = {"model": str(model), "unlabelled": [str(place / f"{corpus}.txt")]}
    return thousand(place / f"taught-{corpus}-{seed}", corpus, {}, rate=2e-4, seed=seed, epochs=6, teacher=section)


def thousand(
    folder: Path, corpus: str, backbone: Row, *, rate: float, seed: int, epochs: int = 12, **training: Any
) -> Row:
    (folder / "train").mkdir(parents=True, exist_ok=True)
    cut(corpus, "train", folder / "train", 1000)
    pipeline = {
        "data": {"train": "train", "dev": str(corpus_folder(corpus) / "dev"), "reader": "parallel"},
        "backbone": {"type": "sentence_transformer", **backbone},
        "heads": {"intent": "intent", "ner": "ner"},
        "freezing": {"type": "freeze_embeddings", "encoder_lr": rate},
        "training": training,
    }
    return trained(folder, pipeline, epochs=epochs, seed=seed, split="dev")


FULL_EPOCHS = {"snips": 2, "atis": 4}
"""Of the teacher: what two cores can do."""


def full(place: Path, seeds: Sequence[int]) -> Runs:
    """All of a corpus, with the pipeline of benchmarks/accuracy.py (but for `fgm`), and mpnet as teacher."""
    for corpus, epochs in FULL_EPOCHS.items():
        teach = partial(whole, place / f"full-{corpus}", corpus, {"model": "mpnet"}, 1e-4, 42, {"epochs": epochs})
        yield {"arm": "teacher", "corpus": corpus, "seed": 42}, teach
        for seed in seeds:
            yield {"arm": "taught", "corpus": corpus, "seed": seed}, partial(whole_taught, place, corpus, seed, teach)


def whole_taught(place: Path, corpus: str, seed: int, teach: Callable[[], Row]) -> Row:
    model = place / f"full-{corpus}" / "latest" / "model"
    if not model.exists():
        teach()
    own = place / f"full-taught-{corpus}-{seed}"
    return whole(own, corpus, {}, 2e-4, seed, {"teacher": {"model": str(model)}})


def whole(folder: Path, corpus: str, backbone: Row, rate: float, seed: int, training: Row) -> Row:
    folder.mkdir(parents=True, exist_ok=True)
    pipeline = json.loads((REPOSITORY / "benchmarks" / "pipelines" / f"{corpus}.json").read_text("utf-8"))
    own = {name: value for name, value in pipeline["training"].items() if name != "fgm"}
    composed = {
        **pipeline,
        "data": {"reader": "parallel", **{split: str(corpus_folder(corpus) / split) for split in SPLITS}},
        "backbone": {"type": "sentence_transformer", **backbone},
        "freezing": {**pipeline["freezing"], "encoder_lr": rate},
        "training": {**own, **training},
    }
    return trained(folder, composed, epochs=composed["training"]["epochs"], seed=seed, split="test")


PROOFS = {"similarity": similarity, "words": words, "few": few, "teacher": teacher, "full": full}


# --- running ----------------------------------------------------------------------------------------------------------


def plan_of(backbone: Any, objectives: list[Any], *, rate: float, epochs: int = 1, seed: int = 42) -> Row:
    freezing = {"type": "discriminative", "encoder_lr": rate}
    training = {"epochs": epochs, "seed": seed}
    return {"backbone": backbone, "objectives": objectives, "freezing": freezing, "training": training}


def pretrained(folder: Path, plan: Row, *, name: str = "encoder") -> Path:
    """The encoder's folder; one that lies there, taught by the same plan, is taken."""
    kept = folder / f"{name}.kept.json"
    if kept.exists():
        made = json.loads(kept.read_text("utf-8"))
        if made["plan"] == plan and Path(made["encoder"]).exists():
            return Path(made["encoder"])
    (folder / "pretrain.json").write_text(json.dumps({"name": name, **plan}), "utf-8")
    nlu_kit("pretrain", str(folder / "pretrain.json"), "--runs", str(folder / "runs"))
    encoder = (folder / "runs" / "latest-encoder").resolve()
    kept.write_text(json.dumps({"plan": plan, "encoder": str(encoder)}), "utf-8")
    return encoder


def trained(folder: Path, pipeline: Row, *, epochs: int | None, seed: int, split: str) -> Row:
    """The figures of one split."""
    sampler: Row = {} if epochs is None else {"sampler": "bucketed"}
    training: Row = {"seed": seed, "export": False}
    training |= {} if epochs is None else {"epochs": epochs, "warmup": 0.1, "patience": epochs}
    (folder / "pipeline.json").write_text(
        json.dumps({"detector": None, **sampler, **pipeline, "training": {**training, **pipeline.get("training", {})}}),
        "utf-8",
    )
    nlu_kit("train", str(folder / "pipeline.json"), "--runs", str(folder))
    lines = (folder / "latest" / "metrics.jsonl").read_text("utf-8").splitlines()
    end = next(event for event in map(json.loads, lines) if event["event"] == "RunEnd")
    return {name: end[split][name] for name in ("intent.accuracy", "ner.f1", "exact_match") if name in end[split]}


def nlu_kit(*arguments: str) -> None:
    done = subprocess.run([sys.executable, "-m", "nlu_kit", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"nlu-kit {' '.join(arguments)} failed:\n{done.stderr}")


# --- the page ---------------------------------------------------------------------------------------------------------


def write_page() -> None:
    """Replace the tables between the page's marks."""
    page = PAGE.read_text("utf-8")
    tables = {"similarity": _similarity, "words": _words, "few": _few, "teacher": _teacher, "full": _full}
    for name, table in tables.items():
        begin, end = f"<!-- {name}: written by benchmarks/pretraining.py -->", f"<!-- end of {name} -->"
        head, _, rest = page.partition(begin)
        _, _, tail = rest.partition(end)
        own = [row for row in rows() if row["proof"] == name]
        page = f"{head}{begin}\n\n{table(own)}\n\n{end}{tail}"
    PAGE.write_text(page, "utf-8")


def _table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(line)} |" for line in (head, ["---"] * len(head), *lines))


def _mean(values: Sequence[float]) -> str:
    if not values:
        return "–"
    spread = f" ± {100 * statistics.stdev(values):.2f}" if len(values) > 1 else ""
    return f"{100 * statistics.fmean(values):.2f}{spread} ({len(values)})"


def _groups(found: Sequence[Row], *names: str) -> dict[tuple[Any, ...], list[Row]]:
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in found:
        groups.setdefault(tuple(row[name] for name in names), []).append(row)
    return groups


def _similarity(found: Sequence[Row]) -> str:
    lines = []
    for (arm,), group in _groups(found, "arm").items():
        objective = arm.rpartition(" ")[2]
        figures = [
            _mean([row[when][split][f"{objective}.spearman"] for row in group])
            for split in ("dev", "test")
            for when in ("before", "after")
        ]
        lines.append([arm, *figures])
    return _table(["encoder, objective", "dev before", "dev after", "test before", "test after"], lines)


def _words(found: Sequence[Row]) -> str:
    lines = [
        [f"{utterances:,}", arm, frozen, *_figures(group)]
        for (utterances, arm, frozen), group in sorted(
            _groups(found, "utterances", "arm", "frozen").items(), key=lambda entry: entry[0][0]
        )
    ]
    return _table(["utterances", "pre-training", "frozen", "intent", "span F1", "exact match"], lines)


def _figures(group: Sequence[Mapping[str, float]]) -> list[str]:
    return [_mean([row[name] for row in group]) for name in ("intent.accuracy", "ner.f1", "exact_match")]


def _few(found: Sequence[Row]) -> str:
    groups = _groups(found, "examples", "arm")
    lines = [
        [str(count), arm, _mean([row["intent.accuracy"] for row in group])] for (count, arm), group in groups.items()
    ]
    return _table(["examples an intent", "pre-training", "accuracy"], lines)


def _teacher(found: Sequence[Row]) -> str:
    lines = [[corpus, arm, *_figures(group)] for (corpus, arm), group in _groups(found, "corpus", "arm").items()]
    return _table(["corpus", "encoder", "intent", "span F1", "exact match"], lines)


def _full(found: Sequence[Row]) -> str:
    accuracy = json.loads((REPOSITORY / "benchmarks" / "results" / "accuracy.json").read_text("utf-8"))
    alone = [
        {"arm": "alone", "corpus": corpus, **{name: value / 100 for name, value in record["test"].items()}}
        for corpus in dict.fromkeys(row["corpus"] for row in found)
        for record in accuracy[corpus]
    ]
    return _teacher(sorted([*found, *alone], key=lambda row: (row["corpus"], row["arm"])))


if __name__ == "__main__":
    main()
