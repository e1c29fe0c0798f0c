"""Scales against scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.preprocessing import MinMaxScaler, RobustScaler, StandardScaler

from modelyard.methods import scaling

NUMBERS = np.random.default_rng(0).gamma(2.0, size=37) * 100


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [(scaling.standard, StandardScaler()), (scaling.minmax, MinMaxScaler()), (scaling.robust, RobustScaler())],
)
def test_scales_are_those_of_scikit_learn(ours: object, theirs: object) -> None:
    assert callable(ours)
    centre, width = ours(NUMBERS)
    expected = theirs.fit_transform(NUMBERS[:, None])[:, 0]  # type: ignore[attr-defined]
    np.testing.assert_allclose((NUMBERS - centre) / width, expected, rtol=1e-9)


@pytest.mark.parametrize("scale", [scaling.standard, scaling.minmax, scaling.robust])
def test_numbers_that_are_alike_are_divided_by_one(scale: object) -> None:
    assert callable(scale)
    assert scale(np.full(5, 7.3)) == pytest.approx((7.3, 1.0))


def test_robust_takes_the_deviation_where_half_of_the_numbers_are_alike() -> None:
    numbers = np.array([0.0] * 9 + [10.0])
    assert scaling.robust(numbers) == (0.0, numbers.std())
