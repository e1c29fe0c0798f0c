"""Words of texts and patches of images: found, taken out, and found again in tokens and pixels."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from modelyard.methods import patches, text_units


def test_words_of_several_scripts() -> None:
    text = "Don't WAIT!!! 免费£1000 well-known [PHONE][x"
    assert [text[start:end] for start, end in text_units.words(text, 20)] == [
        "Don't", "WAIT", "!!!", "免", "费", "£", "1000", "well-known", "[PHONE]", "[", "x",
    ]  # fmt: skip


@given(st.text(), st.integers(1, 6))
def test_words_lie_in_order_and_nothing_is_lost(text: str, most: int) -> None:
    places = text_units.words(text, most)
    assert len(places) <= most
    ends = [0, *(edge for place in places for edge in place)]
    assert ends == sorted(ends)
    everything, nothing = text_units.keep(text, places, np.array([[True] * len(places), [False] * len(places)]))
    assert everything == text
    assert not nothing.strip()


def test_a_word_goes_and_the_rest_stays() -> None:
    places = text_units.words("win a prize now", 10)
    kept = np.array([[True, False, True, True], [False, False, True, False]])
    assert text_units.keep("win a prize now", places, kept) == ["win  prize now", "  prize "]


def test_tokens_belong_to_words() -> None:
    """Sub-words, a token that begins with the blank before its word, special tokens, and a sign between words."""
    places = [(0, 3), (4, 9)]
    assert text_units.owners([(0, 0), (0, 2), (2, 3), (3, 6), (6, 9), (9, 10)], places).tolist() == [-1, 0, 0, 1, 1, -1]


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 100))
def test_patches_cover_the_image_once(height: int, width: int, most: int) -> None:
    places = patches.grid(height, width, most)
    owners = patches.owners(height, width, places)
    assert len(places) <= most
    assert set(owners.ravel().tolist()) == set(range(len(places)))
    assert sum((bottom - top) * (right - left) for top, left, bottom, right in places) == height * width


def test_patches_that_are_not_kept_have_the_median_colour() -> None:
    pixels = np.full((4, 4, 3), 10, dtype=np.uint8)
    pixels[:2, :2] = 200
    places = patches.grid(4, 4, 4)
    (painted,) = patches.paint(pixels, places, np.array([[False, True, True, True]]))
    assert (painted == 10).all()
    (whole,) = patches.paint(pixels, places, np.ones((1, 4), dtype=bool))
    assert (whole == pixels).all()
