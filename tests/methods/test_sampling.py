"""Sampling: known answers, softmax by a statistical test, properties."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.methods import sampling

LOGITS = np.log(np.array([0.5, 0.25, 0.15, 0.1], dtype=np.float32))


def test_without_cuts_it_is_softmax() -> None:
    np.testing.assert_allclose(sampling.distribution(LOGITS, temperature=1.0), [0.5, 0.25, 0.15, 0.1], rtol=1e-6)


def test_temperature_is_a_power_of_the_probabilities() -> None:
    squared = np.array([0.25, 0.0625, 0.0225, 0.01])
    np.testing.assert_allclose(sampling.distribution(LOGITS, temperature=0.5), squared / squared.sum(), rtol=1e-6)


@pytest.mark.parametrize(
    ("cut", "kept"),
    [
        ({"top_k": 1}, [1, 0, 0, 0]),
        ({"top_k": 2}, [2 / 3, 1 / 3, 0, 0]),
        ({"top_k": 99}, [0.5, 0.25, 0.15, 0.1]),
        ({"top_p": 0.0}, [1, 0, 0, 0]),
        ({"top_p": 0.49}, [1, 0, 0, 0]),
        ({"top_p": 0.6}, [2 / 3, 1 / 3, 0, 0]),
        ({"top_p": 0.8}, [5 / 9, 2.5 / 9, 1.5 / 9, 0]),
        ({"min_p": 0.4}, [2 / 3, 1 / 3, 0, 0]),
        ({"top_k": 3, "top_p": 0.7}, [2 / 3, 1 / 3, 0, 0]),
    ],
)
def test_cuts_keep_the_likeliest(cut: dict[str, Any], kept: list[float]) -> None:
    np.testing.assert_allclose(
        sampling.distribution(LOGITS, temperature=1.0, **cut), np.array(kept), rtol=1e-5, atol=1e-12
    )


def test_tokens_as_likely_as_the_last_stay() -> None:
    np.testing.assert_allclose(sampling.distribution(np.zeros(4, np.float32), temperature=1.0, top_k=2), [0.25] * 4)


def test_masked_tokens_are_never_drawn() -> None:
    logits = np.array([-np.inf, 0.0, -np.inf], dtype=np.float32)
    np.testing.assert_array_equal(sampling.distribution(logits, temperature=2.0, top_p=0.9), [0, 1, 0])


@given(
    logits=st.lists(st.floats(-80, 80, width=32), min_size=1, max_size=30),
    temperature=st.floats(0.05, 5),
    top_k=st.integers(0, 40),
    top_p=st.floats(0, 1),
    min_p=st.floats(0, 1),
)
def test_it_is_a_distribution_that_keeps_the_best(
    logits: list[float], temperature: float, top_k: int, top_p: float, min_p: float
) -> None:
    array = np.array(logits, dtype=np.float32)
    found = sampling.distribution(array, temperature=temperature, top_k=top_k, top_p=top_p, min_p=min_p)
    assert found.sum() == pytest.approx(1.0)
    assert (found >= 0).all()
    assert found[array.argmax()] == found.max() > 0


def test_draws_follow_the_distribution() -> None:
    probabilities = sampling.distribution(LOGITS, temperature=1.0)
    generator = np.random.default_rng(0)
    n = 20_000
    counts = np.bincount([sampling.draw(probabilities, generator) for _ in range(n)], minlength=4)
    statistic = ((counts - n * probabilities) ** 2 / (n * probabilities)).sum()
    assert statistic < 16.27  # chi-square with 3 degrees of freedom, 0.999


def test_a_token_of_no_probability_is_not_drawn_at_either_end() -> None:
    class Edge:
        def __init__(self, number: float) -> None:
            self.number = number

        def random(self) -> float:
            return self.number

    probabilities = np.array([0.0, 0.5, 0.5, 0.0])
    assert sampling.draw(probabilities, Edge(0.0)) == 1  # type: ignore[arg-type]
    assert sampling.draw(probabilities, Edge(np.nextafter(1.0, 0.0))) == 2  # type: ignore[arg-type]


def test_penalty_makes_seen_tokens_less_likely_on_both_sides_of_zero() -> None:
    logits = np.array([2.0, -2.0, 1.0], dtype=np.float32)
    penalized = sampling.penalize(logits, np.array([0, 1, 1]), 2.0)
    np.testing.assert_allclose(penalized, [1.0, -4.0, 1.0])
    np.testing.assert_allclose(logits, [2.0, -2.0, 1.0])
