"""Words one slip away are found again, others stay."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.methods import text_edits
from modelyard.methods.spelling_correction import Speller, known_words

KNOWN = {"call": 9, "calls": 2, "free": 5, "prize": 3, "three": 4, "claim": 1, "to": 7, "now": 6}


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("prze", "prize"),  # left out
        ("prizze", "prize"),  # put in
        ("prixe", "prize"),  # another in its place
        ("przie", "prize"),  # swapped
        ("FREEE Prixe!!", "FREE Prize!!"),  # case and marks stay
        ("calld", "call"),  # of call and calls the more frequent
        ("ptize2claim", "prize2claim"),  # digits part words
        ("tree", "three"),  # free is more frequent, but begins otherwise
    ],
)
def test_a_slip_is_undone(written: str, meant: str) -> None:
    assert Speller(KNOWN).correct(written) == meant


@pytest.mark.parametrize(
    "text",
    [
        "call now",  # known
        "calling",  # three letters away
        "zperi",  # two swaps away
        "rpiez",  # swapped twice
        "q",  # too short to tell
        "c4ll 2024 ???",
        "免费领取大奖",
        "",
    ],
)
def test_everything_else_stays(text: str) -> None:
    assert Speller(KNOWN).correct(text) == text


@given(st.sampled_from(["prize", "claim", "message"]), st.data())
def test_every_typing_error_of_the_attack_is_undone_where_words_are_far_apart(word: str, data: st.DataObject) -> None:
    slip = data.draw(st.sampled_from(text_edits.typos(word)))
    assert Speller({"prize": 1, "claim": 1, "message": 1}).correct(slip) == word


@given(st.text())
def test_correcting_twice_changes_nothing(text: str) -> None:
    speller = Speller(KNOWN)
    assert speller.correct(speller.correct(text)) == speller.correct(text)


def test_known_are_the_words_that_occur_often_enough() -> None:
    assert known_words(["Call me", "call 2 free", "x" * 25], least=2) == {"call": 2}
    assert known_words(["Call me", "免费"], least=1) == {"call": 1, "me": 1}
