"""Splits lose nothing, keep proportions, keep groups together and depend on the seed alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.methods import splitting

FRACTIONS = st.sampled_from([(0.7, 0.1, 0.2), (0.8, 0.2), (1.0,), (0.5, 0.25, 0.25), (1 / 3, 1 / 3, 1 / 3)])
CLASSES = st.lists(st.integers(0, 4), min_size=1, max_size=300).map(lambda values: np.array(values, dtype=np.int64))


@given(CLASSES, FRACTIONS, st.integers(0, 2**32))
def test_every_class_is_within_one_row_of_its_share(
    classes: splitting.Integers, fractions: tuple[float, ...], seed: int
) -> None:
    splits = splitting.stratified(classes, fractions, seed)
    assert splits.shape == classes.shape
    for name in np.unique(classes):
        members = splits[classes == name]
        for index, fraction in enumerate(fractions):
            assert abs(np.sum(members == index) - fraction * len(members)) < 1


@given(st.integers(0, 10_000), FRACTIONS)
def test_apportioned_numbers_sum_to_the_whole(total: int, fractions: tuple[float, ...]) -> None:
    counts = splitting.apportion(total, fractions)
    assert sum(counts) == total
    assert all(abs(count - total * fraction) < 1 for count, fraction in zip(counts, fractions, strict=True))


def test_apportioning_by_largest_remainders() -> None:
    # Quotas 4.9, 0.7, 1.4: one seat is left, and the first remainder is the largest.
    assert splitting.apportion(7, (0.7, 0.1, 0.2)) == [5, 1, 1]
    assert splitting.apportion(10, (0.7, 0.1, 0.2)) == [7, 1, 2]
    # Equal remainders: the first, which is the training split.
    assert splitting.apportion(1, (0.5, 0.5)) == [1, 0]


def test_the_seed_decides_and_nothing_else() -> None:
    classes = np.arange(200) % 3
    first = splitting.stratified(classes, (0.7, 0.3), seed=1)
    assert np.array_equal(first, splitting.stratified(classes, (0.7, 0.3), seed=1))
    assert not np.array_equal(first, splitting.stratified(classes, (0.7, 0.3), seed=2))


@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 20)), min_size=1, max_size=200), FRACTIONS, st.integers(0, 99)
)
def test_groups_are_never_split(rows: list[tuple[int, int]], fractions: tuple[float, ...], seed: int) -> None:
    classes, groups = np.array(rows, dtype=np.int64).T
    splits = splitting.stratified_groups(classes, groups, fractions, seed)
    assert splits.shape == classes.shape
    assert set(splits) <= set(range(len(fractions)))
    for group in np.unique(groups):
        assert len(set(splits[groups == group])) == 1


@pytest.mark.parametrize("seed", range(5))
def test_small_groups_come_near_the_shares_of_every_class(seed: int) -> None:
    generator = np.random.default_rng(seed)
    groups = np.repeat(np.arange(500), generator.integers(1, 6, 500))
    classes = (generator.random(len(groups)) < 0.13).astype(np.int64)
    splits = splitting.stratified_groups(classes, groups, (0.7, 0.1, 0.2), seed)
    for name in (0, 1):
        shares = np.bincount(splits[classes == name], minlength=3) / np.sum(classes == name)
        assert shares == pytest.approx([0.7, 0.1, 0.2], abs=0.02)


def test_a_split_without_a_share_gets_no_group() -> None:
    groups = np.arange(30)
    assert set(splitting.stratified_groups(groups * 0, groups, (0.6, 0.0, 0.4), seed=0)) == {0, 2}
