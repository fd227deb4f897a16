"""Texts of users are shown without what a terminal would obey."""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlu_kit.data.printable import one_line, printable, symbols


def test_by_hand() -> None:
    assert printable("a\x00b\x1b[2Jc\x9bd\te\n") == "a␀b␛[2Jc\ufffdd\te\n"
    assert printable("a\rb\x7f\u202ec\u2066d\u2028e") == "a␍b␡\ufffdc\ufffdd\ufffde"
    assert symbols("wake me\n\tup\x07") == "wake me␊␉up␇"
    assert one_line(" wake me\n  up\t\x07 ") == "wake me up ␇"
    assert printable("¿dónde está 東京 🎉?") == "¿dónde está 東京 🎉?"


BIDI = {"LRE", "RLE", "PDF", "LRO", "RLO", "LRI", "RLI", "FSI", "PDI"}
ANY = st.text(st.characters() | st.sampled_from("\x1b\x07\r\n\t\x7f\x9b\u2028\u202e\u2069\ud83d\u200d"))


@pytest.mark.parametrize("show", [printable, symbols])
@given(text=ANY)
def test_offsets_stay_and_nothing_is_shown_twice(show: Callable[[str], str], text: str) -> None:
    shown = show(text)
    assert len(shown) == len(text)
    assert show(shown) == shown
    assert all(new in (old, "\ufffd") or "\u2400" <= new <= "\u2421" for old, new in zip(text, shown, strict=True))


@pytest.mark.parametrize(("show", "left"), [(printable, {"\n", "\t"}), (symbols, set()), (one_line, set())])
@given(text=ANY)
def test_no_control_character_is_left(show: Callable[[str], str], left: set[str], text: str) -> None:
    shown = show(text)
    shown.encode()
    assert {character for character in shown if commands(character)} <= left
    assert left or len(shown.splitlines()) <= 1


def test_in_all_of_unicode_only_what_commands_is_changed() -> None:
    everything = [chr(code) for code in range(sys.maxunicode + 1)]
    assert [c for c in everything if symbols(c) != c] == [c for c in everything if commands(c)]


def commands(character: str) -> bool:
    """Controls, halves of surrogate pairs, separators of lines and paragraphs, and what turns the direction around."""
    return unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") or unicodedata.bidirectional(character) in BIDI
