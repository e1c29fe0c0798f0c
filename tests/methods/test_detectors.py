"""Scores of detectors: closed forms, a language model that adds up, and areas that scikit-learn agrees with."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.methods import character_model, mahalanobis, separation, squeezing, text_suspicion
from modelyard.methods.intervals import roc_auc_interval, wilson


def test_witten_and_bell_by_hand() -> None:
    # "ab", "aa": after "a" came b and a, once each. Unigrams: a 3 of 4, b 1 of 4, 2 kinds; 3 in the alphabet.
    model = character_model.fit(["ab", "aa"], order=1)
    single = (1 + 2 / 3) / (4 + 2)
    assert model.probability("a", "b") == pytest.approx((1 + 2 * single) / (2 + 2))
    assert model.surprise("b") == [pytest.approx(-math.log(2 * (0 + 1 * single / 2) / (2 + 1)))]
    assert model.probability("z", "b") == pytest.approx(single)


@given(
    st.lists(st.text(alphabet="abc ", max_size=12), min_size=1, max_size=6),
    st.text(alphabet="abcd", min_size=2, max_size=2),
)
def test_probabilities_of_all_characters_add_up_to_one(texts: list[str], context: str) -> None:
    model = character_model.fit(texts, order=2)
    seen = {letter for text in texts for letter in text}
    total = sum(model.probability(context, letter) for letter in sorted(seen))
    # One place is left for all that was never seen.
    assert total + model.probability(context, "\u2603") == pytest.approx(1.0)


def test_a_misspelt_word_surprises_and_is_unknown() -> None:
    texts = ["are you coming home tonight", "you are coming to dinner", "dinner at home tonight"] * 3
    model = character_model.fit(texts)
    assert text_suspicion.worst_surprise(model, "coming hqme tonight") > text_suspicion.worst_surprise(
        model, "coming home tonight"
    )
    assert text_suspicion.worst_surprise(model, "") == 0.0
    known = text_suspicion.vocabulary(texts)
    assert text_suspicion.unknown_share(known, "Coming, h\u043eme 2night!") == pytest.approx(1 / 3)
    assert text_suspicion.unknown_share(known, " ") == 0.0


def test_squeezing_takes_detail_away() -> None:
    assert squeezing.coarser(np.array([0.1, 0.3, 0.9]), 0.25).tolist() == [0.0, 0.25, 1.0]
    image = np.zeros((1, 1, 3, 3))
    image[0, 0, 1, 1] = 1.0
    assert (squeezing.smoother(image) == 0).all()
    flat = np.full((2, 3, 4, 4), 0.5)
    assert (squeezing.smoother(flat) == flat).all()
    assert squeezing.distance(np.array([[0.9, 0.1]]), np.array([[0.2, 0.8]])) == pytest.approx([1.4])


def test_distances_in_standard_deviations_to_the_nearest_class() -> None:
    random = np.random.default_rng(0)
    labels = np.repeat([0, 2], 4000)
    features = random.normal(size=(8000, 2)) * [1.0, 3.0] + np.where(labels[:, None] == 0, 0.0, 10.0)
    fitted = mahalanobis.fit(features, labels)
    found = fitted.distance(np.array([[0.0, 0.0], [10.0, 16.0], [2.0, 0.0], [0.0, 6.0]]))
    assert found == pytest.approx([0.0, 4.0, 4.0, 4.0], abs=0.35)


def test_features_that_never_vary_are_no_reason_to_fail() -> None:
    features = np.array([[0.0, 1.0], [1.0, 1.0], [2.0, 1.0]])
    fitted = mahalanobis.fit(features, np.zeros(3, dtype=int))
    assert np.isfinite(fitted.distance(np.array([[1.0, 5.0]]))).all()


def test_areas_are_those_of_scikit_learn() -> None:
    from sklearn.metrics import roc_auc_score

    random = np.random.default_rng(1)
    high, low = random.integers(2, 9, 40) / 8, random.integers(0, 7, 60) / 8
    found = separation.area(high, low, 0.95)
    value = roc_auc_score([1] * 40 + [0] * 60, np.concatenate([high, low]))
    assert found.value == pytest.approx(value)
    assert (found.low, found.high) == pytest.approx(roc_auc_interval(value, 40, 60, 0.95))


def test_what_is_caught_at_few_false_alarms() -> None:
    ordinary = np.arange(100) / 100
    attacked = np.array([0.5, 0.945, 0.955, 0.99, 2.0])
    found = separation.caught(attacked, ordinary, 0.05, 0.95)
    # Five of a hundred may be flagged: those above 0.94.
    assert found.value == 0.8
    assert (found.low, found.high) == pytest.approx(wilson(4, 5, 0.95))
    curve = separation.picture("found", "score", attacked, ordinary, "found").series[0]
    assert (curve.x[0], curve.y[0], curve.x[-1], curve.y[-1]) == (0.0, 0.0, 1.0, 1.0)
