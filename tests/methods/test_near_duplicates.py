"""Near duplicates: every pair above the threshold is found and none below; minima agree as often as sets do."""

from __future__ import annotations

import random

import numpy as np
import pytest

from modelyard.methods import difference_hash, near_duplicates, outliers
from modelyard.methods.near_duplicates import Pair


def test_the_same_pairs_as_by_comparing_all() -> None:
    source = random.Random(0)
    words = [f"{source.choice('abcdefgh')}{source.choice('aeiou')}{number}" for number in range(60)]
    texts = [" ".join(source.choices(words, k=20)) for _ in range(60)]
    for text in texts[:30]:
        changed = text.split()
        changed[source.randrange(20)] = "另一个词"
        texts.append(" ".join(changed))
    texts += [texts[0].upper(), texts[0] + "  "]
    sets = [near_duplicates.shingles(text) for text in texts]
    expected = {
        (a, b)
        for a in range(len(texts))
        for b in range(a + 1, len(texts))
        if near_duplicates.jaccard(sets[a], sets[b]) >= 0.8
    }
    found = near_duplicates.pairs(texts, 0.8, seed=0)
    pairs = {(pair.first, pair.second) for pair in found}
    assert len(expected) >= 20
    # Equal texts are paired with the first of them only.
    assert pairs == {pair for pair in expected if pair[1] < 90 or pair[0] == 0}
    assert all(pair.similarity >= 0.8 for pair in found)


def test_minima_agree_with_the_probability_of_jaccard() -> None:
    first, second = np.arange(100, dtype=np.uint64), np.arange(50, 150, dtype=np.uint64)
    shares = [
        (signed[0] == signed[1]).mean()
        for signed in (near_duplicates.signatures([first, second], seed) for seed in range(40))
    ]
    assert near_duplicates.jaccard(first, second) == pytest.approx(1 / 3)
    assert np.mean(shares) == pytest.approx(1 / 3, abs=4 * (2 / 9 / 125 / 40) ** 0.5)


def test_short_and_empty_texts() -> None:
    assert near_duplicates.pairs(["", "", "ok", "OK", "no"], 0.9, 0) == [Pair(0, 1, 1.0), Pair(2, 3, 1.0)]


def test_a_crowd_of_equal_texts_is_quick() -> None:
    found = near_duplicates.pairs(["the same message"] * 3000, 0.9, 0)
    assert len(found) == 2999


def test_images() -> None:
    generator = np.random.default_rng(0)
    image = generator.integers(0, 256, (8, 9))
    brighter, changed = image + 3, image.copy()
    changed[0, 0] = 999
    others = [generator.integers(0, 256, (8, 9)) for _ in range(50)]
    hashes = [difference_hash.difference_hash(pixels) for pixels in (image, *others, brighter, changed)]
    assert difference_hash.near_pairs(hashes, 2) in ([(0, 51, 0), (0, 52, 1)], [(0, 51, 0), (0, 52, 0)])
    expected = [(a, b) for a in range(51) for b in range(a + 1, 51) if (hashes[a] ^ hashes[b]).bit_count() <= 7]
    assert [(a, b) for a, b, _ in difference_hash.near_pairs(hashes[:51], 7)] == expected


def test_modified_z_scores() -> None:
    """Iglewicz and Hoaglin's example: of these only the last is an outlier."""
    values = np.array([2.1, 2.6, 2.4, 2.5, 2.3, 2.1, 2.3, 2.6, 8.2, 8.3, np.nan])
    found = outliers.scores(values, values)
    assert found[8] == pytest.approx(0.6745 * (8.2 - 2.45) / 0.15)
    assert np.flatnonzero(np.abs(found) > outliers.FAR).tolist() == [8, 9]
    assert outliers.scores(np.array([1.0, 9.0, np.nan]), np.array([1.0, 1.0, 1.0])).tolist()[:2] == [0.0, 0.0]
    mostly = np.array([0.0] * 9 + [10.0])
    assert outliers.scores(mostly, mostly)[9] == pytest.approx(10 / 1.2533)
