"""Folding brings disguised Latin back and leaves other scripts alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.methods.look_alikes import LOOK_ALIKES
from modelyard.methods.unicode_folding import fold


@pytest.mark.parametrize(
    ("disguised", "plain"),
    [
        ("fr\u0435\u0435 pr\u0456z\u0435", "free prize"),  # Cyrillic letters inside words
        ("\u0441\u0430ll me now please", "call me now please"),  # two of four letters
        ("\u0440\u0430\u0443 now or lose the money", "pay now or lose the money"),  # a word of Cyrillic letters alone
        ("ＦＲＥＥ １００", "FREE 100"),  # full width
        ("𝐟𝐫𝐞𝐞 ﬁsh", "free fish"),  # bold, ligature
        ("f\u200br\u00ade\u2060e", "free"),  # zero width
        ("abc\u202edef", "abcdef"),  # reading order
        ("fr\u200dee", "free"),  # a joiner where none belongs
    ],
)
def test_disguised_latin_becomes_plain(disguised: str, plain: str) -> None:
    assert fold(disguised) == plain


@pytest.mark.parametrize(
    "text",
    [
        "Москва, привет",
        "сор оса",  # Russian words of look-alikes only, in a Russian text
        "Ελλάδα και Αθήνα",
        "免费领取大奖",
        "می‌خواهم",  # Persian with its joiner
        "👩‍👩‍👧 family",
        "the city of Москва",
        "café Zürich",
    ],
)
def test_other_scripts_stay(text: str) -> None:
    assert fold(text) == text


@given(st.text())
def test_folding_twice_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@given(st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126)))
def test_ascii_stays(text: str) -> None:
    assert fold(text) == text


def test_no_look_alike_stands_for_two_letters() -> None:
    others = "".join(LOOK_ALIKES.values())
    assert len(others) == len(set(others))
    assert not any(other.isascii() for other in others)
    assert all(other.isalpha() for other in others)
