"""Shares and boxes of mixtures."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from modelyard.methods import mixing


def test_shares_are_those_of_the_beta_distribution() -> None:
    drawn = mixing.pairs(20_000, 0.4, np.random.default_rng(0))
    assert np.array_equal(drawn.first, np.arange(20_000))
    assert np.array_equal(np.sort(drawn.second), np.arange(20_000))
    assert drawn.share.min() >= 0.5
    # Seen from both sides it is Beta(0.4, 0.4) again: its variance is 1 / (4 (2 alpha + 1)).
    both = np.concatenate([drawn.share, 1 - drawn.share])
    assert abs(both.var() - 1 / (4 * 1.8)) < 0.002


@given(st.integers(1, 40), st.integers(1, 40), st.floats(0.5, 1), st.integers(0, 2**32 - 1))
def test_a_box_lies_in_the_image_and_is_no_larger_than_its_share(
    height: int, width: int, share: float, seed: int
) -> None:
    rows, columns = mixing.box(height, width, share, np.random.default_rng(seed))
    assert 0 <= rows.start <= rows.stop <= height
    assert 0 <= columns.start <= columns.stop <= width
    side = np.sqrt(1 - share)
    assert rows.stop - rows.start <= round(height * side)
    assert columns.stop - columns.start <= round(width * side)


def test_in_the_mean_a_box_has_nearly_its_share() -> None:
    random = np.random.default_rng(0)
    boxes = [mixing.box(100, 100, 0.99, random) for _ in range(500)]
    areas = [(rows.stop - rows.start) * (columns.stop - columns.start) for rows, columns in boxes]
    assert 90 < np.mean(areas) <= 100
