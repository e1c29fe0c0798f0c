"""Copies of texts: as many words edited as asked, by edits that are known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from modelyard.methods import text_edits, text_variation
from modelyard.methods.text_edits import Kind

TEXT = "please call the number below before the offer ends tonight my friend"
WORDS = TEXT.split()


def vary(kind: Kind, rate: float, seed: int = 0, words: Sequence[str] = ()) -> str:
    return text_variation.vary_share(TEXT, kind, rate, np.random.default_rng(seed), words)


def test_a_typing_error_is_one_of_those_that_are_known() -> None:
    for seed in range(20):
        changed = [(old, new) for old, new in zip(WORDS, vary("typos", 0.2, seed).split(), strict=True) if old != new]
        assert changed
        assert all(new in text_edits.typos(old) for old, new in changed)


def test_as_many_words_are_edited_as_asked_in_the_mean() -> None:
    text = " ".join(["number"] * 1000)
    made = text_variation.vary_share(text, "typos", 0.3, np.random.default_rng(0))
    assert 250 < sum(word != "number" for word in made.split()) < 350


def test_one_word_at_least_is_edited_and_never_none_left() -> None:
    assert vary("typos", 0.0) != TEXT
    for seed in range(30):
        assert text_variation.vary("yes", "words", 3, np.random.default_rng(seed)) != ""


def test_words_that_are_put_in_are_those_given() -> None:
    made = vary("insert", 0.3, words=["now"]).split()
    assert set(made) - set(WORDS) == {"now"}
    assert [word for word in made if word != "now"] == WORDS


@pytest.mark.parametrize("kind", text_edits.KINDS)
def test_the_source_of_chance_decides(kind: Kind) -> None:
    assert vary(kind, 0.3, 1, ["now", "free"]) == vary(kind, 0.3, 1, ["now", "free"])
    assert vary(kind, 0.3, 1, ["now", "free"]) != vary(kind, 0.3, 2, ["now", "free"])


def test_texts_without_words_stay() -> None:
    for text in ("", "  "):
        assert text_variation.vary(text, "words", 2, np.random.default_rng(0)) == text


def test_a_word_that_admits_no_edit_leaves_its_turn_to_another() -> None:
    for seed in range(20):
        made = text_variation.vary("a is an at house", "typos", 2, np.random.default_rng(seed))
        assert made.removeprefix("a is an at ") in text_edits.typos("house")
