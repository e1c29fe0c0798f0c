"""Imputers against scikit-learn's, and on arrays whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.metrics.pairwise import nan_euclidean_distances

from modelyard.methods import chained_imputation, constant_imputation, nearest_imputation
from modelyard.methods.constant_imputation import ConstantImputer, Statistic
from modelyard.methods.generated_imputation import NOISE, GeneratedImputer
from modelyard.methods.nearest_imputation import NearestImputer

NAN = np.nan


def correlated(rows: int = 120, missing: float = 0.2, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Five columns that go together, whole and with gaps."""
    random = np.random.default_rng(seed)
    hidden = random.normal(size=(rows, 2))
    whole = hidden @ random.normal(size=(2, 5)) + 0.1 * random.normal(size=(rows, 5))
    gaps = random.random(whole.shape) < missing
    gaps[:3] = False
    return whole, np.where(gaps, NAN, whole)


@pytest.mark.parametrize(("statistic", "theirs"), [("mean", "mean"), ("median", "median"), ("mode", "most_frequent")])
def test_constants_are_those_of_scikit_learn(statistic: Statistic, theirs: str) -> None:
    values = np.round(correlated()[1], 1)
    reference = SimpleImputer(strategy=theirs).fit(values)
    fill = constant_imputation.fit(values, statistic)
    np.testing.assert_allclose(fill, reference.statistics_, rtol=1e-12)
    np.testing.assert_allclose(ConstantImputer(fill.tolist()).fill(values), reference.transform(values), rtol=1e-12)


def test_of_equally_frequent_numbers_the_mode_is_the_smallest() -> None:
    assert constant_imputation.fit(np.array([[3.0], [1.0], [3.0], [1.0], [NAN]]), "mode").tolist() == [1.0]


def test_distances_with_gaps_are_those_of_scikit_learn() -> None:
    values = correlated(rows=30, missing=0.4)[1]
    values[7] = NAN
    ours, theirs = nearest_imputation.distances(values, values), nan_euclidean_distances(values)
    np.testing.assert_allclose(np.where(np.isinf(ours), NAN, ours), theirs, atol=1e-6)


@pytest.mark.parametrize("neighbours", [1, 4])
def test_nearest_is_that_of_scikit_learn(neighbours: int) -> None:
    _, values = correlated()
    _, others = correlated(seed=1)
    others[0] = NAN
    reference = KNNImputer(n_neighbors=neighbours).fit(values)
    ours = NearestImputer(values.tolist(), [1.0] * 5, neighbours)
    np.testing.assert_allclose(ours.fill(values), reference.transform(values), rtol=1e-9)
    np.testing.assert_allclose(ours.fill(others), reference.transform(others), rtol=1e-9)


def test_the_unit_of_a_column_does_not_decide_who_is_near() -> None:
    donors = [[0.0, 0.0, 1.0], [1000.0, 3.0, 2.0]]
    row = np.array([[900.0, 0.0, NAN]])
    assert NearestImputer(donors, [1.0, 1.0, 1.0], 1).fill(row)[0, 2] == 2.0
    assert NearestImputer(donors, [1e4, 1.0, 1.0], 1).fill(row)[0, 2] == 1.0


def test_chained_regressions_are_those_of_scikit_learn() -> None:
    _, values = correlated()
    values = (values - np.nanmean(values, axis=0)) / np.nanstd(values, axis=0)
    _, others = correlated(seed=2)
    with pytest.warns(match="not reached"):
        reference = IterativeImputer(Ridge(alpha=0.5), max_iter=4, tol=0, imputation_order="ascending").fit(values)
    ours = chained_imputation.fit(values, rounds=4, l2=0.5)
    np.testing.assert_allclose(ours.fill(values), reference.transform(values), rtol=1e-8)
    np.testing.assert_allclose(ours.fill(others), reference.transform(others), rtol=1e-8)


def test_the_generator_is_layers_with_relu_and_a_sigmoid() -> None:
    # One column; hidden = relu(value + 2 * there - 1), answer = sigmoid(hidden).
    imputer = GeneratedImputer([10.0], [4.0], [([[1.0], [2.0]], [-1.0]), ([[1.0]], [0.0])])
    assert imputer.fill(np.array([[11.0]])).tolist() == [[11.0]]
    hidden = max(NOISE / 2 - 1.0, 0.0)
    assert imputer.fill(np.array([[NAN]]))[0, 0] == pytest.approx(10 + 4 / (1 + np.exp(-hidden)))


def test_where_columns_go_together_neighbours_and_regressions_beat_the_mean() -> None:
    whole, values = correlated(rows=300)
    gaps = np.isnan(values)
    error = {
        name: float(np.sqrt(np.mean((filled - whole)[gaps] ** 2)))
        for name, filled in {
            "mean": ConstantImputer(constant_imputation.fit(values, "mean").tolist()).fill(values),
            "nearest": NearestImputer(values.tolist(), [1.0] * 5, 5).fill(values),
            "chained": chained_imputation.fit(values, rounds=10, l2=1.0).fill(values),
        }.items()
    }
    assert error["chained"] < 0.5 * error["mean"]
    assert error["nearest"] < 0.5 * error["mean"]


@given(
    arrays.arrays(np.float64, (6, 3), elements=st.floats(-100, 100)),
    arrays.arrays(np.bool_, (6, 3)),
)
def test_what_was_there_stays_and_nothing_is_missing_after(values: np.ndarray, gaps: np.ndarray) -> None:
    gaps[0] = False
    given_values = np.where(gaps, NAN, values)
    for imputer in (
        ConstantImputer(constant_imputation.fit(given_values, "median").tolist()),
        NearestImputer(given_values.tolist(), [1.0] * 3, 2),
        chained_imputation.fit(given_values, rounds=2, l2=1.0),
    ):
        filled = imputer.fill(given_values)
        assert np.isfinite(filled).all()
        np.testing.assert_array_equal(filled[~gaps], values[~gaps])
