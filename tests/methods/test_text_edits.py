"""Edits of words: known lists, and texts that come apart and together again."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.methods import text_edits
from modelyard.methods.text_edits import Kind, Words, split
from modelyard.methods.unicode_folding import fold

TEXT = " Win  a free\tprize, 现在 now!\n"


def proposed(kind: Kind, text: str, place: int, **options: object) -> list[str]:
    words = split(text)
    edits = text_edits.propose(kind, words, place, choices=1000, random=np.random.default_rng(0), **options)  # type: ignore[arg-type]
    return [words.edited(edit).text for edit in edits]


@given(st.text())
def test_a_text_is_its_words_and_what_stands_between(text: str) -> None:
    assert split(text).text == text


def test_each_character_of_a_script_without_blanks_is_a_word() -> None:
    assert split(TEXT).words == ("Win", "a", "free", "prize,", "现", "在", "now!")


def test_every_slip_of_a_finger_in_a_short_word() -> None:
    # Dropped, doubled, swapped, and the keys beside; the first letter stays.
    assert text_edits.typos("cat") == sorted({"ct", "caat", "cta", "cst", "ca", "catt", "car", "cay"})
    assert text_edits.typos("to") == []
    assert text_edits.typos("2024") == []


def test_a_word_taken_away_takes_its_blank() -> None:
    assert proposed("words", "one two three", 1) == [
        "one three",
        "one twothree",
        "one three two",
        "one t wo three",
        "one tw o three",
    ]
    assert proposed("words", "alone", 0) == ["a lone", "al one", "alo ne", "alon e"]


def test_look_alikes_change_the_text_and_folding_brings_it_back() -> None:
    found = proposed("homoglyphs", "Free prize", 0)
    assert "Fr\u0435e prize" in found
    assert "F\u200bree prize" in found
    assert len(found) == len(set(found)) == 7
    assert {fold(text) for text in found} == {"Free prize"}


def test_a_good_word_is_put_in() -> None:
    assert proposed("insert", "free prize", 0, good=["love", "mum"]) == ["free love prize", "free mum prize"]


def test_no_more_choices_than_asked_and_the_same_for_the_same_seed() -> None:
    words = split("congratulations")
    draws = [text_edits.propose("typos", words, 0, choices=5, random=np.random.default_rng(seed)) for seed in (1, 1, 2)]
    assert len(draws[0]) == 5
    assert draws[0] == draws[1] != draws[2]


def test_telling_words_speak_for_the_other_class() -> None:
    texts = ["free cash", "free prize now", "see you now", "love you"]
    against_spam, against_ham = text_edits.telling_words(texts, [1, 1, 0, 0], 2, 1)[::-1]
    assert against_spam == ["you"]
    assert against_ham == ["free"]


@pytest.mark.parametrize("kind", text_edits.KINDS)
@given(st.lists(st.text(alphabet="abcXYZ0é现 ", min_size=1), min_size=1, max_size=4).map(" ".join), st.integers(0, 5))
def test_edits_change_what_they_say_and_nothing_else(kind: Kind, text: str, place: int) -> None:
    words = split(text)
    if place >= len(words.words):
        return
    for edit in text_edits.propose(kind, words, place, choices=20, random=np.random.default_rng(0), good=["mum"]):
        assert set(edit) <= {place, place + 1}
        changed: Words = words.edited(edit)
        assert changed.words != words.words
        assert changed.words[:place] == words.words[:place]
