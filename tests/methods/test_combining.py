"""Combined probabilities of several classifiers."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from modelyard.methods import combining


def test_votes_are_shares_and_ties_go_by_probability() -> None:
    sure, unsure = np.array([[0.9, 0.1, 0.0]]), np.array([[0.2, 0.45, 0.35]])
    shares = combining.vote([sure, unsure, unsure], [1, 1, 1])
    assert np.allclose(shares, [[1 / 3, 2 / 3, 0]], atol=2e-6)
    assert combining.vote([sure, unsure], [1, 1]).argmax() == 0
    assert combining.vote([sure, unsure], [1, 1.01]).argmax() == 1


def test_weights_count() -> None:
    members = [np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]])]
    assert np.allclose(combining.average(members, [3, 1]), [[0.75, 0.25]])
    assert np.allclose(combining.average(members, [0, 2]), [[0.0, 1.0]])


@given(st.integers(1, 5), st.integers(2, 6), st.integers(0, 1000))
def test_combinations_are_probabilities(members: int, classes: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    probabilities = [random.dirichlet(np.ones(classes), size=3) for _ in range(members)]
    for combine in (combining.average, combining.vote):
        found = combine(probabilities, list(random.uniform(0.1, 1, members)))
        assert np.allclose(found.sum(axis=1), 1)
        assert (found >= 0).all()
    same = combining.vote([probabilities[0]] * 3, [1, 1, 1])
    assert (same.argmax(axis=1) == probabilities[0].argmax(axis=1)).all()
