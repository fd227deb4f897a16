"""What a change of how texts become words and ids does to the public corpora and to the starter's.

    python benchmarks/encoding_unchanged.py                    # against version 0.1's, at the commit ac3d1c6
    python benchmarks/encoding_unchanged.py --against HEAD~3

Every text of SNIPS, ATIS and CLINC150 (all splits, out-of-scope ones included) and of the starter corpus is encoded by
that commit's code and by the one here, with the tokenizer of all-MiniLM-L6-v2. Told are the texts whose ids differ, the
words of old that are several now (with counts), any other difference of words, and how many entity annotations the
heads `ner` and `span_ner` lose with either. Exits with 1 where a public corpus has other ids or loses more.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import Any

from corpora import REPOSITORY, clinc150, corpus_folder

from nlu_kit.data import encoding as new
from nlu_kit.data.example import Example
from nlu_kit.data.labels import LabelSpace
from nlu_kit.heads.codec import CodecContext
from nlu_kit.registry import Registry
from nlu_kit_backbones.source import embedded_folder
from nlu_kit_readers import JsonlParams, ParallelParams
from nlu_kit_readers.jsonl import read_jsonl
from nlu_kit_readers.parallel import read_parallel

MODULE = "nlu_kit/data/encoding.py"
MAX_LENGTH = 256
SPLITS = ("train", "dev", "test")
HEADS = ("ner", "span_ner")
STARTER = "starter"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--against", default="ac3d1c6", help="a commit whose nlu_kit/data/encoding.py needs no others")
    old = module_of(parser.parse_args().against)
    worse = False
    for corpus, examples in corpora():
        changed = compare(corpus, examples, old)
        worse |= changed and corpus != STARTER
    sys.exit(1 if worse else 0)


def module_of(commit: str) -> ModuleType:
    source = subprocess.run(
        ["git", "show", f"{commit}:{MODULE}"], cwd=REPOSITORY, check=True, capture_output=True, text=True
    ).stdout
    module = ModuleType("encoding_before")
    sys.modules[module.__name__] = module  # dataclasses look it up
    exec(compile(source, f"{commit}:{MODULE}", "exec"), module.__dict__)
    return module


def corpora() -> Iterator[tuple[str, list[Example]]]:
    for name in ("snips", "atis"):
        folder = corpus_folder(name)
        yield name, [example for split in SPLITS for example in read_parallel(ParallelParams(), folder / split)]
    pairs = [
        pair
        for split in ("train", "val", "test")
        for oos in (False, True)
        for pair in clinc150(split, out_of_scope=oos)
    ]
    yield "clinc150", [Example(text=text, intent=intent, entities=None) for text, intent in pairs]
    starter = REPOSITORY / "nlu_kit" / "starter"
    yield STARTER, [example for split in SPLITS for example in read_jsonl(JsonlParams(), starter / f"{split}.jsonl")]


def compare(corpus: str, examples: Sequence[Example], old: ModuleType) -> bool:
    """Print what differs; whether ids do, or more annotations are lost."""
    texts = [example.text for example in examples]
    folder = embedded_folder()
    before = old.Tokenizer.load(folder, max_length=MAX_LENGTH).encode(texts)
    after = new.Tokenizer.load(folder, max_length=MAX_LENGTH).encode(texts)
    other_ids, parted, other_words, other_texts = 0, Counter[str](), 0, 0
    for text, one, two in zip(texts, before, after, strict=True):
        other_texts += spans(one) != spans(two)
        if one.ids != two.ids:
            other_ids += 1
            print(f"  {corpus}: other ids: {text!r}: {pieces(one)} -> {pieces(two)}")
            continue
        for start, end in sorted(spans(one) - spans(two)):
            inside = sorted(span for span in spans(two) - spans(one) if start <= span[0] < span[1] <= end)
            if "".join(text[slice(*span)] for span in inside) == text[start:end]:
                parted[" | ".join(text[slice(*span)] for span in inside)] += 1
            else:
                other_words += 1
                print(f"  {corpus}: other words: {text!r}: {pieces(one)} -> {pieces(two)}")
        assert one.truncated == two.truncated
    lost = {head: [count_lost(head, examples, encodings) for encodings in (before, after)] for head in HEADS}
    print(
        f"{corpus}: {len(texts):,} texts, {sum(len(one.words) for one in before):,} words; other ids in {other_ids}, "
        f"other words in {other_texts} texts: {parted.total()} words in parts, {other_words} else; annotations lost "
        + ", ".join(f"{head} {one} -> {two}" for head, (one, two) in lost.items())
    )
    if parted:
        print("  in parts: " + ", ".join(f"{word} ({count})" for word, count in parted.most_common()))
    return other_ids > 0 or any(two > one for one, two in lost.values())


def spans(encoding: Any) -> set[tuple[int, int]]:
    return {(word.start, word.end) for word in encoding.words}


def pieces(encoding: Any) -> list[str]:
    return [encoding.text[word.start : word.end] for word in encoding.words]


def count_lost(head: str, examples: Sequence[Example], encodings: Sequence[Any]) -> int:
    if not any(example.entities for example in examples):
        return 0
    spec: Any = Registry.load().get("head", head).spec
    params = spec.params()
    labels = spec.codec(params, CodecContext(name=head, labels=LabelSpace(()))).fit_labels(examples)
    codec = spec.codec(params, CodecContext(name=head, labels=labels))
    return sum(len(codec.unlearnable(example, encoding)) for example, encoding in zip(examples, encodings, strict=True))


if __name__ == "__main__":
    main()
