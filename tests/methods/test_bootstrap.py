"""The bootstrap: that it resamples, repeats itself by seed, and gives the standard error that theory gives."""

from __future__ import annotations

import numpy as np
import pytest

from modelyard.methods import bootstrap
from modelyard.methods.bootstrap import basic_interval, percentile_interval, resample_kinds, resample_rows, widest


def test_every_resample_draws_as_many_rows_as_there_are() -> None:
    seen = resample_rows(7, lambda weights: {"drawn": weights.sum(axis=1)}, seed=0, resamples=50)
    assert seen["drawn"].tolist() == [7] * 50
    assert resample_kinds(np.array([3, 0, 4]), 7, seed=0, resamples=50).sum(axis=1).tolist() == [7] * 50


def test_spread_of_the_mean_is_the_standard_error() -> None:
    values = np.random.default_rng(3).exponential(size=400)
    means = resample_rows(400, lambda weights: {"mean": weights @ values / 400}, seed=1)["mean"]
    assert means.std() == pytest.approx(values.std() / 20, rel=0.06)
    assert means.mean() == pytest.approx(values.mean(), abs=0.01)


def test_kinds_and_rows_give_the_same_spread() -> None:
    hits = np.array([1] * 30 + [0] * 70)
    of_rows = resample_rows(100, lambda weights: {"rate": weights @ hits / 100}, seed=1)["rate"]
    of_kinds = resample_kinds(np.array([30, 70]), 100, seed=2)[:, 0] / 100
    assert of_rows.std() == pytest.approx(of_kinds.std(), rel=0.08)


def test_chunks_lose_and_double_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "_CELLS_AT_ONCE", 30)
    seen = resample_rows(10, lambda weights: {"first": weights[:, 0]}, seed=0, resamples=100)["first"]
    assert len(seen) == 100
    assert seen.mean() == pytest.approx(1, abs=0.35)


def test_the_seed_decides() -> None:
    first, again, other = (
        resample_rows(20, lambda weights: {"first": weights[:, 0]}, seed=seed)["first"] for seed in (5, 5, 6)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_intervals_of_resampled_values() -> None:
    values = np.arange(101, dtype=float)
    assert percentile_interval(values, 0.9) == pytest.approx((5, 95))
    assert basic_interval(40.0, values, 0.9) == pytest.approx((-15, 75))
    assert percentile_interval(np.array([np.nan, np.inf, 1.0]), 0.9) == (None, None)


def test_widest_holds_the_value_and_all_intervals() -> None:
    assert widest(0.5, (0.6, 0.7), (None, None), (0.55, 0.9)) == (0.5, 0.9)
    assert widest(0.5, (None, None)) == (None, None)
