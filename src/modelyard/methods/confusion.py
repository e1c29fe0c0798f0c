"""Precision, recall and F1, of each class and averaged, from counts of (target, prediction) pairs.

Vectorised over resamples. Knows class numbers only; a ratio that is undefined is not a number.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class ClassCounts:
    """Per class: rows that are of it and called so, rows that are of it, rows that are called so. Each [..., k]."""

    hits: np.ndarray
    support: np.ndarray
    called: np.ndarray

    @property
    def precision(self) -> np.ndarray:
        return ratio(self.hits, self.called)

    @property
    def recall(self) -> np.ndarray:
        return ratio(self.hits, self.support)

    @property
    def f1(self) -> np.ndarray:
        """2 hits / (support + called): the harmonic mean of precision and recall, 0 where there is no hit."""
        return ratio(2 * self.hits, self.support + self.called)

    @property
    def present(self) -> np.ndarray:
        """Whether any row is of the class or called so; only such classes enter a mean."""
        return np.asarray((self.support + self.called) > 0)


def count_classes(targets: np.ndarray, predictions: np.ndarray, counts: np.ndarray, k: int) -> ClassCounts:
    """Count rows by class.

    Args:
        targets: class of each kind of row [c].
        predictions: predicted class of each kind of row [c].
        counts: how often each kind occurs [..., c].
        k: number of classes.
    """
    is_of, called = np.eye(k)[targets], np.eye(k)[predictions]
    return ClassCounts(counts @ (is_of * called), counts @ is_of, counts @ called)


def averages(classes: ClassCounts) -> dict[str, np.ndarray]:
    """Accuracy, the headline precision, recall and F1, and the macro and micro averages, each [...].

    The headline is that of the last class if there are two (the positive one), otherwise the macro average:
    the mean over the classes present, where a ratio of nothing counts 0.
    """
    accuracy = ratio(classes.hits.sum(axis=-1), classes.support.sum(axis=-1))
    present = classes.present
    ratios = {"precision": classes.precision, "recall": classes.recall, "f1": classes.f1}
    macro = {name: ratio(np.nan_to_num(value).sum(axis=-1), present.sum(axis=-1)) for name, value in ratios.items()}
    binary = present.shape[-1] == 2
    return {
        "accuracy": accuracy,
        **{name: value[..., -1] if binary else macro[name] for name, value in ratios.items()},
        **{f"{name}_macro": value for name, value in macro.items()},
        # With one label a row, every false positive is another class's false negative.
        "f1_micro": accuracy,
    }


def defined_mean(values: np.ndarray) -> np.ndarray:
    """Mean over the first axis of what is a number [resamples]; not a number where nothing is."""
    return ratio(np.nan_to_num(values).sum(axis=0), np.isfinite(values).sum(axis=0))


def ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """Not a number where the denominator is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(denominator > 0, numerator / denominator, np.nan))
