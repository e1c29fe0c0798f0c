"""The gap between training rows and others, in numbers and in words."""

from __future__ import annotations

import pytest

from modelyard.core.report import Measure
from modelyard.methods.intervals import wilson
from modelyard.methods.overfitting import compare


def accuracy(hits: int, n: int) -> dict[str, Measure]:
    return {"accuracy": Measure(hits / n, *wilson(hits, n, 0.95), n=n), "f1:spam": Measure(0.5)}


@pytest.mark.parametrize(
    ("training", "test", "words"),
    [
        (300, 250, "The model has over-fitted: accuracy is 1 on training rows and 0.8333 on test"),
        (280, 276, "No over-fitting seen"),
        (240, 290, "The training rows are the harder ones"),
    ],
)
def test_over_fitting_is_said_in_words(training: int, test: int, words: str) -> None:
    found = compare(accuracy(training, 300), accuracy(test, 300), headline="accuracy", split="test")
    gap = found.measures["accuracy_gap"]
    assert found.measures["accuracy_training"] == accuracy(training, 300)["accuracy"]
    assert gap.value == pytest.approx((training - test) / 300)
    assert gap.low is not None
    assert gap.high is not None
    assert gap.low < (gap.value or 0) < gap.high
    assert words in found.notes[0]
    assert found.figures[0].series[0].y == [training / 300, test / 300]
    assert [row[0] for row in found.tables[0].rows] == ["accuracy"]


def test_less_is_better_of_an_error() -> None:
    found = compare(
        {"rmse": Measure(1.0, 0.9, 1.1)}, {"rmse": Measure(2.0, 1.8, 2.2)}, headline="rmse", split="validation"
    )
    assert found.measures["rmse_gap"].value == 1.0
    assert "over-fitted" in found.notes[0]


def test_what_has_no_value_or_interval_is_not_judged() -> None:
    nothing = compare({"accuracy": Measure(None)}, accuracy(1, 2), headline="accuracy", split="test")
    assert nothing.measures["accuracy_gap"].value is None
    assert not nothing.notes
    bare = compare({"accuracy": Measure(1.0)}, {"accuracy": Measure(0.5)}, headline="accuracy", split="test")
    assert "cannot be judged" in bare.notes[0]
