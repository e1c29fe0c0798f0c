"""Suspected labels: the paper's rule on small numbers, planted errors found, and the model against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest

from modelyard.methods import confident_learning, hashed_words, softmax_regression
from modelyard.methods.softmax_regression import SparseRows


def dense(values: np.ndarray) -> SparseRows:
    n, width = values.shape
    return SparseRows(np.arange(0, n * width + 1, width), np.tile(np.arange(width), n), values.ravel(), width)


def test_the_rule_of_the_paper() -> None:
    """Thresholds are 0.7 for class 0 and 0.593 for class 1."""
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.3, 0.7], [0.2, 0.8], [0.3, 0.7], [0.72, 0.28]])
    labels = np.array([0, 0, 0, 1, 1, 1])
    assert confident_learning.confident_classes(probabilities, labels).tolist() == [0, 0, 1, 1, 1, 0]
    rows, seems = confident_learning.suspects(probabilities, labels)
    assert sorted(rows.tolist()) == [2, 5]
    assert dict(zip(rows.tolist(), seems.tolist(), strict=True)) == {2: 1, 5: 0}
    unsure = np.array([[0.5, 0.5], [0.9, 0.1], [0.1, 0.9]])
    assert confident_learning.confident_classes(unsure, np.array([0, 0, 1])).tolist() == [-1, 0, 1]


def test_the_model_is_scikit_learns() -> None:
    from sklearn.linear_model import LogisticRegression

    generator = np.random.default_rng(0)
    values = generator.normal(size=(200, 4))
    labels = (values @ generator.normal(size=(4, 3)) + generator.normal(size=(200, 3))).argmax(axis=1)
    ours = softmax_regression.fit(dense(values), labels, 3, penalty=0.01, iterations=600)
    theirs = LogisticRegression(C=1 / (0.01 * 200), tol=1e-8, max_iter=500).fit(values, labels)
    assert ours.probabilities(dense(values)) == pytest.approx(theirs.predict_proba(values), abs=1e-4)


def test_taking_rows_and_products() -> None:
    generator = np.random.default_rng(1)
    rows = SparseRows(np.array([0, 2, 3, 6]), np.array([0, 2, 1, 0, 1, 2]), generator.normal(size=6), 3)
    full = np.zeros((3, 3))
    full[[0, 0, 1, 2, 2, 2], rows.columns] = rows.values
    weights, per_row = generator.normal(size=(3, 2)), generator.normal(size=(3, 2))
    assert rows.times(weights) == pytest.approx(full @ weights)
    assert rows.transposed_times(per_row) == pytest.approx(full.T @ per_row)
    chosen = np.array([2, 0])
    assert rows.take(chosen).times(weights) == pytest.approx(full[chosen] @ weights)


@pytest.mark.parametrize("chinese", [False, True])
def test_planted_errors_are_found(chinese: bool) -> None:
    generator = np.random.default_rng(2)
    spam, ham = (
        (["中奖", "免费", "领取", "点击"], ["晚上", "回家", "吃饭", "开会"])
        if chinese
        else (
            ["prize", "free", "claim", "click"],
            ["tonight", "home", "dinner", "meeting"],
        )
    )
    labels = generator.integers(0, 2, 300)
    texts = [
        " ".join(generator.choice(spam if label else ham, 3)) + f" {number}" for number, label in enumerate(labels)
    ]
    wrong = generator.choice(300, 24, replace=False)
    given = labels.copy()
    given[wrong] = 1 - given[wrong]
    folds = np.arange(300) % 5
    probabilities = softmax_regression.cross_validated(hashed_words.rows(texts), given, 2, folds)
    found, seems = confident_learning.suspects(probabilities, given)
    hits = len(set(found.tolist()) & set(wrong.tolist()))
    assert hits >= 22
    assert hits >= 0.9 * len(found)
    assert (seems[:20] == labels[found[:20]]).all()


def test_words_of_several_scripts() -> None:
    assert hashed_words.words("Don't 打电话 42") == ["don", "t", "打", "电", "话", "打电", "电话", "42"]
    assert hashed_words.rows(["", "a"]).values.tolist() == [0.0, 1.0]
