"""SMOTE against imbalanced-learn: the same neighbours, and new rows on the lines between them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from imblearn.over_sampling import SMOTE, SMOTENC  # type: ignore[import-untyped]
from sklearn.neighbors import NearestNeighbors

from modelyard.methods import smote

NONE = np.empty((40, 0), dtype=np.int64)


def test_neighbours_are_those_of_scikit_learn() -> None:
    rows = np.random.default_rng(0).normal(size=(40, 3))
    _, theirs = NearestNeighbors(n_neighbors=6).fit(rows).kneighbors(rows)
    np.testing.assert_array_equal(smote.nearest(rows, NONE, 5), theirs[:, 1:])


@given(st.integers(0, 2**32 - 1), st.integers(1, 100))
def test_a_new_row_lies_between_a_row_and_one_of_its_neighbours(seed: int, count: int) -> None:
    rows = np.random.default_rng(seed).normal(size=(10, 3))
    made = smote.synthesize(rows, NONE[:10], count, neighbours=3, seed=seed)
    assert made.numbers.shape == (count, 3)
    near = smote.nearest(rows, NONE[:10], 3)
    for new, base in zip(made.numbers, made.base, strict=True):
        steps = rows[near[base]] - rows[base]
        # How far the new row is along each line, and how far off it.
        along = (new - rows[base]) @ steps.T / (steps**2).sum(axis=1)
        off = np.linalg.norm(rows[base] + along[:, None] * steps - new, axis=1)
        assert ((off < 1e-9) & (along >= 0) & (along <= 1)).any()
    assert np.bincount(made.base, minlength=10).max() - np.bincount(made.base, minlength=10).min() <= 1


def test_new_rows_are_spread_as_those_of_imbalanced_learn() -> None:
    random = np.random.default_rng(1)
    small, large = random.normal(size=(40, 2)) @ np.array([[1.0, 0.8], [0.0, 0.6]]), random.normal(3, 1, (2040, 2))
    rows, classes = np.vstack([small, large]), np.array([0] * 40 + [1] * 2040)
    theirs, _ = SMOTE(k_neighbors=5, random_state=0).fit_resample(rows, classes)
    ours = smote.synthesize(small, NONE, 2000, neighbours=5, seed=0)
    np.testing.assert_allclose(ours.numbers.mean(axis=0), theirs[2080:].mean(axis=0), atol=0.05)
    np.testing.assert_allclose(np.cov(ours.numbers.T), np.cov(theirs[2080:].T), atol=0.05)


def test_categories_are_those_of_imbalanced_learn() -> None:
    """Every base has one most frequent category among its neighbours, so there is nothing to draw."""
    random = np.random.default_rng(2)
    numbers = np.vstack([random.normal(side, 0.1, (10, 2)) for side in (0.0, 5.0)])
    categories = np.repeat([[0], [1]], 10, axis=0)
    made = smote.synthesize(numbers, categories, 60, neighbours=5, seed=0)
    assert made.categories[:, 0].tolist() == (made.numbers[:, 0] > 2.5).astype(int).tolist()
    mixed = np.hstack([numbers, categories])
    rows = np.vstack([mixed, np.column_stack([random.normal(9, 1, (80, 2)), np.ones(80)])])
    theirs, _ = SMOTENC([2], k_neighbors=5, random_state=0).fit_resample(rows, [0] * 20 + [1] * 80)
    new = theirs[100:]
    assert new[:, 2].tolist() == (new[:, 0] > 2.5).astype(int).tolist()


def test_a_category_that_differs_is_as_far_as_the_median_deviation() -> None:
    numbers = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 3.0]])
    categories = np.array([[0], [1], [0]])
    spread = float(np.median(numbers.std(axis=0)))
    assert 1 + spread**2 < 9
    assert smote.nearest(numbers, categories, 1)[0, 0] == 1
    assert smote.nearest(numbers, np.repeat(categories, 20, axis=1), 1)[0, 0] == 2


def test_of_equally_frequent_categories_the_smallest_is_taken() -> None:
    numbers = np.arange(3.0)[:, None]
    made = smote.synthesize(numbers, np.array([[2], [1], [0]]), 3, neighbours=2, seed=0)
    assert dict(zip(made.base.tolist(), made.categories[:, 0].tolist(), strict=True)) == {0: 0, 1: 0, 2: 1}


def test_the_seed_decides() -> None:
    rows = np.random.default_rng(0).normal(size=(10, 3))
    first, again, other = (smote.synthesize(rows, NONE[:10], 7, neighbours=3, seed=seed).numbers for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_two_rows_have_each_other() -> None:
    made = smote.synthesize(np.array([[0.0], [1.0]]), NONE[:2], 50, neighbours=5, seed=0)
    assert made.numbers.min() >= 0
    assert made.numbers.max() <= 1
    assert len(np.unique(made.numbers)) == pytest.approx(50, abs=2)
