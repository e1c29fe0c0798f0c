"""Oversampling keeps every row; undersampling keeps as many as imbalanced-learn; weights agree with scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from imblearn.under_sampling import RandomUnderSampler  # type: ignore[import-untyped]
from sklearn.utils.class_weight import compute_sample_weight

from modelyard.methods import class_balance

CLASSES = st.lists(st.integers(0, 4), min_size=1, max_size=200).map(lambda values: np.array(values, dtype=np.int64))


@given(CLASSES, st.sampled_from([0.0, 0.3, 0.5, 1.0]), st.integers(0, 2**32))
def test_no_class_is_below_the_ratio_and_no_row_is_lost(
    classes: class_balance.Integers, ratio: float, seed: int
) -> None:
    rows = class_balance.oversample(classes, ratio, seed)
    times = np.bincount(rows, minlength=len(classes))
    before = np.bincount(classes)
    after = np.bincount(classes[rows])
    assert times.min() >= 1
    for name, count in enumerate(before):
        if count:
            assert after[name] == max(count, np.ceil(ratio * before.max()))
            assert np.ptp(times[classes == name]) <= 1


def test_oversampling_is_seeded() -> None:
    classes = np.array([0] * 50 + [1] * 7)
    first = class_balance.oversample(classes, 1.0, seed=3)
    assert np.array_equal(first, class_balance.oversample(classes, 1.0, seed=3))
    assert not np.array_equal(first, class_balance.oversample(classes, 1.0, seed=4))


@given(CLASSES)
def test_weights_are_those_of_scikit_learn(classes: class_balance.Integers) -> None:
    weights = class_balance.inverse_frequency(classes)
    np.testing.assert_allclose(weights, compute_sample_weight("balanced", classes), rtol=1e-12)
    assert weights.mean() == pytest.approx(1)


@given(CLASSES, st.sampled_from([0.1, 0.5, 1.0]), st.integers(0, 2**32))
def test_no_class_is_above_the_ratio_and_small_ones_stay_whole(
    classes: class_balance.Integers, ratio: float, seed: int
) -> None:
    rows = class_balance.undersample(classes, ratio, seed)
    assert np.array_equal(rows, np.unique(rows))
    before, after = np.bincount(classes), np.bincount(classes[rows], minlength=5)
    smallest = before[before > 0].min()
    for name, count in enumerate(before):
        assert after[name] == min(count, round(smallest / ratio))


@pytest.mark.parametrize("ratio", [0.1, 0.3, 1.0])
def test_as_many_rows_stay_as_in_imbalanced_learn(ratio: float) -> None:
    classes = np.array([0] * 90 + [1] * 7)
    _, theirs = RandomUnderSampler(sampling_strategy=ratio).fit_resample(classes[:, None], classes)
    ours = classes[class_balance.undersample(classes, ratio, seed=0)]
    assert np.bincount(ours).tolist() == np.bincount(theirs).tolist()
