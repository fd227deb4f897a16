"""Which characters stand for plain ones, and which don't."""

from __future__ import annotations

import sys
import unicodedata

import pytest

from nlu_kit.data.forms import plain_form, plain_sign, spelt_out


@pytest.mark.parametrize(
    ("characters", "plain"),
    [
        ("Ａｚ０", "Az0"),
        ("𝐛ℝ𝟗ⓑ①🄰", "bR9b1A"),
        ("ﬁﬄ", "fiffl"),
        ("㎏℃№㈱⑴", "kg°CNo(株)(1)"),
        ("Ⅳⅷ", "IVviii"),
        ("ｱｰﾞﾡ", "アー\u3099ㄱ"),
        ("\ufefc\uf900\u2f47", "\u0644\u0627\u8c48\u65e5"),
        ("\u212a\u212b\u2126", "K\u00c5\u03a9"),
        ("₂ₓ", "2x"),
    ],
)
def test_letters_and_digits_have_plain_forms(characters: str, plain: str) -> None:
    assert [plain_form(one) is not None for one in characters] == [True] * len(characters)
    assert spelt_out(characters) == plain


@pytest.mark.parametrize("kept", "aé½²ªº…™⁴ⁿ⅓ㄱㅋ한ำຳև，。？→漢カ")
def test_others_have_none(kept: str) -> None:
    assert plain_form(kept) is None


@pytest.mark.parametrize(
    ("sign", "plain"), [("？", "?"), ("，", ","), ("￥", "¥"), ("｡", "。"), ("﹖", "?"), ("︵", "(")]
)
def test_signs_of_other_widths(sign: str, plain: str) -> None:
    assert plain_sign(sign) == plain
    assert plain_form(sign) is None


@pytest.mark.parametrize("kept", "?…‼。「\u3000\u00a0ａ①")
def test_other_signs(kept: str) -> None:
    assert plain_sign(kept) is None


def test_no_form_says_more_than_unicode_does() -> None:
    characters = map(chr, range(sys.maxunicode + 1))
    forms = {one: plain for one in characters if (plain := plain_form(one) or plain_sign(one))}
    assert len(forms) > 3000
    normal = {one: unicodedata.normalize("NFKC", one) for one in forms}
    assert all(unicodedata.normalize("NFKC", plain) == normal[one] for one, plain in forms.items())
    assert min(forms) >= "\u2000"
