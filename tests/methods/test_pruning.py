"""Choices of pruning: known answers and properties."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.methods import pruning


@pytest.mark.parametrize(
    ("count", "keep", "expected"),
    [(6, 3, [0, 2, 5]), (12, 6, [0, 2, 4, 7, 9, 11]), (6, 2, [0, 5]), (6, 1, [0]), (4, 4, [0, 1, 2, 3])],
)
def test_layers_at_even_distances(count: int, keep: int, expected: list[int]) -> None:
    assert pruning.spaced(count, keep) == expected


@given(st.integers(1, 60).flatmap(lambda count: st.tuples(st.just(count), st.integers(1, count))))
def test_spaced_layers_are_different_and_begin_with_the_first(sizes: tuple[int, int]) -> None:
    count, keep = sizes
    kept = pruning.spaced(count, keep)
    assert len(set(kept)) == keep
    assert kept[0] == 0
    assert kept == sorted(kept)
    assert kept[-1] == (count - 1 if keep > 1 else 0)


def test_the_largest_stay_and_the_first_of_equal_ones() -> None:
    assert pruning.largest(np.array([1.0, 3.0, 2.0, 3.0, 1.0]), 3).tolist() == [1, 2, 3]
    assert pruning.largest(np.array([1.0, 1.0, 1.0]), 2).tolist() == [0, 1]


@pytest.mark.parametrize(
    ("width", "share", "expected"), [(1536, 0.5, 768), (1536, 0.26, 384), (64, 0.01, 32), (64, 1.0, 64), (20, 0.5, 20)]
)
def test_widths_are_multiples(width: int, share: float, expected: int) -> None:
    assert pruning.rounded_width(width, share, 32) == expected


def test_ranking_over_the_network_keeps_one_of_each_layer() -> None:
    scores = [np.array([9.0, 8.0, 7.0, 6.0]), np.array([1.0, 2.0, 0.5, 0.1])]
    assert [kept.tolist() for kept in pruning.across_layers(scores, 0.5)] == [[0, 1, 2], [1]]
    assert [kept.tolist() for kept in pruning.across_layers(scores, 0.01)] == [[0], [1]]
    assert [kept.tolist() for kept in pruning.within_layers(scores, 0.5, multiple=1)] == [[0, 1], [0, 1]]


LAYERS = st.lists(st.lists(st.floats(0, 1), min_size=1, max_size=12).map(np.array), min_size=1, max_size=5)


@given(LAYERS, st.floats(0.01, 1))
def test_the_share_is_kept_over_the_network(scores: list[np.ndarray], share: float) -> None:
    kept = pruning.across_layers(scores, share)
    total = sum(map(len, scores))
    assert all(len(layer) >= 1 for layer in kept)
    assert sum(map(len, kept)) == max(round(share * total), len(scores))
    for layer, chosen in zip(scores, kept, strict=True):
        left = np.delete(layer, chosen)
        assert not len(left) or layer[chosen].min() >= left.max()


def test_sparsity_rises_by_the_cube() -> None:
    assert pruning.cubic_sparsity(0.0, 0.8) == 0.0
    assert pruning.cubic_sparsity(0.5, 0.8) == pytest.approx(0.7)
    assert pruning.cubic_sparsity(1.0, 0.8) == pytest.approx(0.8)
    assert pruning.cubic_sparsity(2.0, 0.8) == pytest.approx(0.8)
