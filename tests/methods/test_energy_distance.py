"""The energy distance: known answers, the sums written out, and its probability under no difference."""

from __future__ import annotations

import numpy as np
import pytest

from modelyard.methods.energy_distance import main_directions, two_samples


def draw(seed: int, rows: int, width: int, mean: float = 0.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(mean, 1, (rows, width))


def test_points_of_their_own_are_as_far_apart_as_can_be() -> None:
    found, p = two_samples(np.zeros((10, 3)), np.ones((12, 3)), confidence=0.95, seed=0)
    assert [found.value, found.low, found.high, found.n] == pytest.approx([1.0, 1.0, 1.0, 10])
    assert p == pytest.approx(1 / 500)
    found, p = two_samples(np.ones((10, 3)), np.ones((12, 3)), confidence=0.95, seed=0)
    assert (found.value, p) == (0.0, 1.0)


def test_it_is_the_mean_distances_written_out() -> None:
    first, second = draw(0, 5, 2), draw(1, 7, 2, mean=1.0)

    def mean(left: np.ndarray, right: np.ndarray, *, pairs: int) -> float:
        return sum(float(np.linalg.norm(a - b)) for a in left for b in right) / pairs

    across = mean(first, second, pairs=35)
    wanted = 1 - (mean(first, first, pairs=20) + mean(second, second, pairs=42)) / (2 * across)
    found, _ = two_samples(first, second, confidence=0.95, seed=0)
    assert found.value == pytest.approx(wanted)
    assert two_samples(second, first, confidence=0.95, seed=0)[0].value == pytest.approx(wanted)


@pytest.mark.parametrize("width", [1, 64])
def test_half_a_deviation_is_six_hundredths(width: int) -> None:
    found, p = two_samples(draw(0, 400, width, mean=0.5), draw(1, 400, width), confidence=0.95, seed=0)
    assert found.value == pytest.approx(0.06, abs=0.02)
    assert None not in (found.low, found.high)
    assert float(found.low or 0) < float(found.value or 0) < float(found.high or 0)
    assert p < 0.01


def test_a_small_direction_counts_as_much_as_a_large_one() -> None:
    generator = np.random.default_rng(0)
    first, second = generator.normal(0, 1, (200, 8)), generator.normal(0, 1, (200, 8))
    first[:, 1] += 2.0
    for rows in (first, second):
        rows[:, 0] *= 1000.0
    hidden, _ = two_samples(first, second, confidence=0.95, seed=0)
    shown, p = two_samples(*main_directions(first, second), confidence=0.95, seed=0)
    assert float(hidden.value or 0) < 0.01 < 0.02 < float(shown.low or 0)
    assert p < 0.01
    along = np.concatenate(main_directions(first, second, most=3))
    assert along.shape == (400, 3)
    assert np.cov(along.T) == pytest.approx(np.eye(3), abs=1e-9)


def test_vectors_that_are_all_the_same_have_one_direction() -> None:
    same = np.ones((40, 5))
    assert two_samples(*main_directions(same, same), confidence=0.95, seed=0)[1] == 1.0


def test_no_difference_is_seldom_found_even_in_few_rows() -> None:
    found = [
        two_samples(draw(2 * seed, 8, 16), draw(2 * seed + 1, 40, 16), confidence=0.95, seed=seed, permutations=99)
        for seed in range(200)
    ]
    assert sum(p <= 0.05 for _, p in found) <= 20
    assert np.mean([size.value for size, _ in found]) == pytest.approx(0.0, abs=0.005)
    inside = sum(size.low <= 0 <= size.high for size, _ in found if size.low is not None and size.high is not None)
    assert inside >= 180
