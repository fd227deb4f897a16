"""How a word is written: what an uncased encoder does not see. No torch, no numpy."""

from __future__ import annotations

NO_SHAPE = 0
SHAPES = ("no word", "lower", "Title", "UPPER", "miXed", "digits", "d1gits and letters", "other")


def word_shape(word: str) -> int:
    """The position of the word's shape in SHAPES; scripts without case are ``lower``."""
    letters = [character for character in word if character.isalpha()]
    digits = any(character.isdigit() for character in word)
    if digits:
        return 6 if letters else 5
    if not letters:
        return 7
    upper = [character.isupper() for character in letters]
    if not any(upper):
        return 1
    if len(upper) > 1 and all(upper):
        return 3
    return 2 if upper[0] and not any(upper[1:]) else 4
