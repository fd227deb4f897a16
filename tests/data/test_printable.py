"""Texts of users are shown without what a terminal would obey."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from nlu_kit.data.printable import one_line, printable


def test_by_hand() -> None:
    assert printable("a\x00b\x1b[2Jc\x9bd\te\n") == "a\ufffdb\ufffd[2Jc\ufffdd\te\n"
    assert one_line(" wake me\n  up\t\x07 ") == "wake me up \ufffd"
    assert printable("¿dónde está 東京 🎉?") == "¿dónde está 東京 🎉?"


@given(st.text())
def test_offsets_stay(text: str) -> None:
    shown = printable(text)
    assert len(shown) == len(text)
    assert printable(shown) == shown
    assert not set(map(ord, shown)) & ({*range(0x20), *range(0x7F, 0xA0)} - {9, 10, 13})
