"""Writes data/: short reviews with one to five stars, made from the patterns below.

    python make_data.py

Train, dev and test share no sentence; of what the reviews of dev and test are about, and of the words that judge it,
half do not occur in train.
"""

from __future__ import annotations

import json
import random
from pathlib import Path

THINGS = [
    "the food", "the service", "the room", "the battery", "the screen", "the delivery", "the staff", "the sound",
    "this lamp", "this camera", "the breakfast", "the view", "the app", "the manual", "this jacket",
]  # fmt: skip
OTHER_THINGS = [
    "the pool", "the driver", "this novel", "the keyboard", "the soup", "the tour", "this tent", "the wifi",
    "the checkout", "this kettle",
]  # fmt: skip
WORDS = {
    1: ["awful", "a complete disaster", "useless", "terrible", "the worst i have seen", "disgusting", "a scam"],
    2: ["disappointing", "rather poor", "below what i expected", "weak", "not very good", "a bit of a letdown"],
    3: ["okay", "average", "nothing special", "acceptable", "neither good nor bad", "all right i guess"],
    4: ["good", "pleasant", "better than expected", "solid", "quite nice", "well done"],
    5: ["perfect", "outstanding", "absolutely wonderful", "flawless", "the best i have seen", "amazing"],
}
OTHER_WORDS = {
    1: ["horrible", "a nightmare", "an insult", "dreadful"],
    2: ["mediocre at best", "not great", "somewhat annoying", "below average"],
    3: ["so so", "ordinary", "unremarkable", "middling"],
    4: ["nice", "rather good", "pretty decent", "satisfying"],
    5: ["superb", "brilliant", "fantastic", "a dream come true"],
}
ENDINGS = {
    1: ["never again", "i want my money back", "avoid it", "stay away"],
    2: ["i would not do it again", "there are better ones", "it could be improved a lot", "i hoped for more"],
    3: ["it does the job", "you get what you pay for", "i may come back, i may not", "no strong feelings"],
    4: ["i would come again", "only small things to improve", "i am happy with it", "worth the price"],
    5: ["i will tell all my friends", "i could not be happier", "ten out of ten", "i love everything about it"],
}
PATTERNS = [
    "{thing} was {word}, {ending}",
    "{ending}: {thing} was {word}",
    "{thing} was {word}.",
    "i found {thing} {word}",
    "we all thought {thing} was {word}, {ending}",
    "honestly {thing} was {word}",
]
SIZES = {"train": 60, "dev": 15, "test": 20}  # reviews for each number of stars


def main() -> None:
    """The same three files at every call."""
    generator, used = random.Random(2020), set[str]()
    folder = Path(__file__).parent / "data"
    folder.mkdir(exist_ok=True)
    for split, size in SIZES.items():
        reviews = [review for stars in WORDS for review in some(generator, stars, split, size, used)]
        generator.shuffle(reviews)
        lines = [json.dumps({"text": text, "stars": stars}) + "\n" for text, stars in reviews]
        (folder / f"{split}.jsonl").write_text("".join(lines), encoding="utf-8")


def some(generator: random.Random, stars: int, split: str, size: int, used: set[str]) -> list[tuple[str, int]]:
    """``size`` reviews with so many stars, none of which is in ``used``."""
    found: list[tuple[str, int]] = []
    while len(found) < size:
        thing, word = generator.choice(THINGS), generator.choice(WORDS[stars])
        if split != "train":
            thing = generator.choice([thing, generator.choice(OTHER_THINGS)])
            word = generator.choice([word, generator.choice(OTHER_WORDS[stars])])
        text = generator.choice(PATTERNS).format(thing=thing, word=word, ending=generator.choice(ENDINGS[stars]))
        text = text[0].upper() + text[1:]
        if text not in used:
            used.add(text)
            found.append((text, stars))
    return found


if __name__ == "__main__":
    main()
