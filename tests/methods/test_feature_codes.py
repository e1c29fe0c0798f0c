"""Columns become numbers by what was fitted to the training rows, and nothing else."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.core.errors import InputError
from modelyard.methods.feature_codes import FeatureCodes, fit

ROWS: list[dict[str, Any]] = [
    {"age": 20.0, "city": "Rome", "gap": None},
    {"age": 40.0, "city": "Oslo", "gap": 3.0},
]
CODES = fit(ROWS, {"age": False, "city": True, "gap": False})


def test_known_codes() -> None:
    assert CODES.names == ["age", "city=Oslo", "city=Rome", "gap"]
    assert CODES.encode(ROWS).tolist() == [[-1, 0, 1, 0], [1, 1, 0, 0]]
    assert CODES.encode([{"age": 30, "city": "Rome", "gap": 4}]).tolist() == [[0, 0, 1, 1]]


def test_what_was_never_seen_is_zero_everywhere() -> None:
    assert CODES.encode([{"age": 30, "city": "Bonn"}]).tolist() == [[0, 0, 0, 0]]


def test_a_column_may_be_scaled_in_another_way_and_a_gap_is_its_mean_all_the_same() -> None:
    codes = fit(ROWS, {"age": False, "gap": False}, {"age": (20.0, 20.0), "gap": (1.0, 4.0)})
    assert codes.encode([{"age": 40, "gap": 5}, {"age": 30, "gap": None}]).tolist() == [[1, 1], [0.5, 0.5]]
    assert FeatureCodes.from_json(json.loads(json.dumps(codes.to_json()))) == codes


def test_they_come_back_from_json() -> None:
    assert FeatureCodes.from_json(json.loads(json.dumps(CODES.to_json()))) == CODES


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"city": "Rome"}, "row 0 has no value for the feature 'age'"),
        ({"age": None, "city": "Rome"}, "row 0 has no value for the feature 'age'"),
        ({"age": 1, "city": None}, "row 0 has no value for the feature 'city'"),
        ({"age": "1", "city": "Rome"}, "row 0, feature 'age': '1'"),
        ({"age": True, "city": "Rome"}, "row 0, feature 'age': True"),
        ({"age": float("nan"), "city": "Rome"}, "row 0, feature 'age': nan"),
        ({"age": 1e300, "city": "Rome"}, "row 0, feature 'age': 1e"),
        ({"age": 10**400, "city": "Rome"}, "row 0, feature 'age': 1000"),
        ({"age": 1, "city": ["Rome"]}, "row 0, feature 'city': "),
        ({"age": 1, "city": "Rome", "citi": 1}, "row 0: unknown feature 'citi'"),
    ],
)
def test_values_that_a_column_cannot_take(row: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        CODES.encode([row])
    assert message in str(caught.value)


@given(st.lists(st.floats(-1e12, 1e12), min_size=2, max_size=50))
def test_training_numbers_have_mean_zero_and_deviation_one_or_are_alike(numbers: list[float]) -> None:
    codes = fit([{"x": number} for number in numbers], {"x": False})
    encoded = codes.encode([{"x": number} for number in numbers])[:, 0].astype(np.float64)
    if codes.columns[0].deviation != 1.0:
        assert abs(encoded.mean()) < 1e-2
        assert encoded.std() == pytest.approx(1, abs=1e-2)
