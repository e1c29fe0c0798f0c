"""Changed copies of texts."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from modelyard.methods import word_noise

TEXTS = ["one two three four five six seven eight nine ten"] * 400


@settings(max_examples=30)
@given(st.lists(st.text(), max_size=8), st.integers(0, 100))
def test_any_texts_give_as_many_copies_made_of_their_own_words(texts: list[str], seed: int) -> None:
    copies = word_noise.corrupt(texts, seed=seed)
    known = {word for text in texts for word in text.split()}
    assert len(copies) == len(texts)
    assert all(copy or not text for copy, text in zip(copies, texts, strict=True))
    assert {word for copy in copies for word in copy.split()} <= known
    assert copies == word_noise.corrupt(texts, seed=seed)


def test_copies_differ_from_their_texts_and_from_each_other() -> None:
    copies = word_noise.corrupt(TEXTS, seed=0)
    assert len(set(copies)) > 280
    assert copies != word_noise.corrupt(TEXTS, seed=1)


def test_a_tenth_of_the_words_is_left_out() -> None:
    whole = [copy.split() for copy in word_noise.corrupt(TEXTS, seed=0)]
    unspliced = [words for words in whole if words[0] == "one" or len(words) <= 10]
    lengths = sorted(len(words) for words in unspliced)
    assert lengths[len(lengths) // 2] == 9
