"""Black-box attributions against exact values, closed forms and games whose answer is known."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelyard.core.errors import InputError, ModelyardError
from modelyard.core.task import Units
from modelyard.methods import kernel_shap, lime, occlusion, owen, shapley

Value = Callable[[np.ndarray], np.ndarray]


def game(units: int, seed: int) -> Value:
    """Any function of sets: a number drawn for each."""
    answers = np.random.default_rng(seed).normal(size=2**units)
    return lambda kept: answers[kept @ (1 << np.arange(units))]


def linear(weights: np.ndarray) -> Value:
    return lambda kept: 0.5 + kept @ weights


def by_orders(value: Value, units: int) -> np.ndarray:
    """Shapley values by their definition: what each part adds, averaged over all orders."""
    total, orders = np.zeros(units), list(permutations(range(units)))
    for order in orders:
        kept = np.zeros((units + 1, units), dtype=bool)
        for step, unit in enumerate(order):
            kept[step + 1 :, unit] = True
        total[list(order)] += np.diff(value(kept))
    return total / len(orders)


@given(st.integers(1, 5), st.integers(0, 1000))
def test_exact_values_are_the_mean_over_all_orders(units: int, seed: int) -> None:
    value = game(units, seed)
    assert np.allclose(shapley.explain(value, units), by_orders(value, units))


def test_the_glove_game() -> None:
    """Two left gloves and one right one: Shapley's own kind of example, 1/6, 1/6 and 4/6."""
    value = shapley.explain(lambda kept: ((kept[:, 0] | kept[:, 1]) & kept[:, 2]).astype(float), 3)
    assert np.allclose(value, [1 / 6, 1 / 6, 4 / 6])


@given(st.integers(2, 6), st.integers(0, 1000))
def test_kernel_shap_is_exact_where_all_sets_fit(units: int, seed: int) -> None:
    value = game(units, seed)
    found = kernel_shap.explain(value, units, samples=2**units, seed=seed)
    assert np.allclose(found, shapley.explain(value, units))


def test_the_regression_over_all_sets_gives_shapley_values() -> None:
    """The theorem behind Kernel SHAP, on the path that draws nothing: every size asked in full."""
    units, value = 7, game(7, 3)
    kept, weights = kernel_shap.choose_sets(units, 2**units - 2, 0)
    assert len(kept) == 2**units - 2
    base, whole = value(np.array([[False] * units, [True] * units]))
    found = kernel_shap._regress(kept.astype(float), weights, value(kept) - base, whole - base)
    assert np.allclose(found, shapley.explain(value, units))


def test_pairs_of_sets_give_pairs_of_parts_exactly() -> None:
    """A game of main effects and effects of pairs needs no full sample: complements cancel what is left."""
    random = np.random.default_rng(0)
    pairs, single = random.normal(size=(12, 12)), random.normal(size=12)
    found = kernel_shap.explain(lambda kept: (kept @ pairs * kept).sum(axis=1) + kept @ single, 12, samples=200, seed=1)
    assert np.allclose(found, single + (pairs + pairs.T).sum(axis=1) / 2)


def test_more_samples_come_nearer() -> None:
    value = game(12, 5)
    exact = shapley.explain(value, 12)
    errors = [np.abs(kernel_shap.explain(value, 12, samples=n, seed=0) - exact).mean() for n in (60, 600, 3000)]
    assert errors[0] > errors[1] > errors[2]


@given(st.integers(2, 40), st.integers(0, 50))
def test_sampled_values_add_up_and_find_a_linear_model(units: int, seed: int) -> None:
    weights = np.random.default_rng(seed).normal(size=units)
    found = kernel_shap.explain(linear(weights), units, samples=2 * units + 2, seed=seed)
    assert np.allclose(found, weights)


def test_what_does_not_add_up_is_an_error() -> None:
    with pytest.raises(ModelyardError, match=r"add up to 1.*\n.*0\.5"):
        kernel_shap.check_sum(np.array([0.5, 0.5]), 0.25, 0.75)
    with pytest.raises(ModelyardError):
        kernel_shap.check_sum(np.array([np.nan, 0.5]), 0.0, 0.5)


def test_too_few_samples_are_refused() -> None:
    with pytest.raises(InputError, match="42 or more"):
        kernel_shap.explain(linear(np.ones(20)), 20, samples=41, seed=0)


def test_no_set_is_asked_twice_and_the_budget_is_kept() -> None:
    kept, weights = kernel_shap.choose_sets(30, 500, 0)
    assert len(np.unique(kept, axis=0)) == len(kept) <= 500
    assert weights.sum() == pytest.approx(1.0)
    assert {1, 29} <= set(kept.sum(axis=1).tolist())


def test_lime_finds_a_linear_model() -> None:
    weights = np.array([0.3, -0.2, 0.0, 0.1])
    found = lime.explain(linear(weights), 4, samples=3000, seed=0)
    assert np.allclose(found.weights, weights, atol=0.01)
    assert found.intercept == pytest.approx(0.5, abs=0.01)
    assert found.fit > 0.999


def test_lime_is_the_weighted_ridge_regression() -> None:
    sklearn = pytest.importorskip("sklearn.linear_model")
    random = np.random.default_rng(0)
    kept, answers, importance = random.integers(0, 2, (50, 6)).astype(float), random.normal(size=50), random.random(50)
    reference = sklearn.Ridge(alpha=1.0).fit(kept, answers, sample_weight=importance)
    found = lime.fit(kept, answers, importance)
    assert np.allclose(found.weights, reference.coef_)
    assert found.intercept == pytest.approx(reference.intercept_)
    assert found.fit == pytest.approx(reference.score(kept, answers, sample_weight=importance))


def drawn_evenly(value: Value, units: int, samples: int, seed: int) -> np.ndarray:
    """LIME as the authors' library samples: any number of parts left out, the answers weighted afterwards."""
    random = np.random.default_rng(seed)
    absent = random.integers(1, units + 1, size=(samples, 1))
    kept = random.random((samples, units)).argsort(axis=1).argsort(axis=1) >= absent
    importance = np.array([lime.closeness(share) for share in kept.mean(axis=1)])
    return lime.fit(kept.astype(float), value(kept), importance).weights


def test_lime_comes_to_what_even_sampling_comes_to_and_nearer_with_as_many_samples() -> None:
    value = game(12, 0)
    limit = drawn_evenly(value, 12, 100_000, 0)
    # All 4,096 sets: nothing is drawn. The penalty is that of 4,096 samples.
    assert np.allclose(lime.explain(value, 12, samples=4096, seed=0).weights, limit, atol=0.03)
    errors: dict[str, list[float]] = {"ours": [], "evenly": []}
    for seed in range(20):
        errors["ours"].append(np.abs(lime.explain(value, 12, samples=400, seed=seed).weights - limit).mean())
        errors["evenly"].append(np.abs(drawn_evenly(value, 12, 400, seed) - limit).mean())
    assert np.mean(errors["ours"]) < 0.8 * np.mean(errors["evenly"])


def test_lime_asks_for_no_set_twice_and_weighs_what_evenly_drawn_sets_weigh() -> None:
    kept, importance = lime.choose_sets(20, 300, 0)
    assert len(np.unique(kept, axis=0)) == len(kept) <= 300
    assert (kept[0].all(), importance[0]) == (True, 1.0)
    assert importance[1:].sum() == pytest.approx(299 * np.mean([lime.closeness(size / 20) for size in range(20)]))
    assert (kept.sum(axis=1) == 19).sum() == 20


def test_a_constant_answer_fits_nothing() -> None:
    found = lime.explain(lambda kept: np.full(len(kept), 0.7), 3, samples=50, seed=0)
    assert np.allclose(found.weights, 0)
    assert found.fit == 0.0


def test_occlusion_is_what_each_part_alone_costs() -> None:
    """Of two that stand in for each other neither is missed; one that all depend on is missed wholly."""
    found = occlusion.explain(lambda kept: (kept[:, 0] | kept[:, 1]) * 1.0 + 2.0 * kept[:, 2], 3)
    assert found.tolist() == [0.0, 0.0, 2.0]


def orders(cluster: owen.Cluster) -> list[list[int]]:
    """All orders of the parts in which each cluster stays together."""
    if not cluster.halves:
        return [cluster.parts.tolist()]
    pairs = list(product(*map(orders, cluster.halves)))
    return [a + b for a, b in pairs] + [b + a for a, b in pairs]


@given(st.integers(1, 7), st.integers(0, 1000))
@settings(max_examples=30)
def test_owen_values_are_the_mean_over_the_orders_that_keep_clusters_together(units: int, seed: int) -> None:
    value, hierarchy = game(units, seed), owen.halve(np.arange(units)[None])
    total, allowed = np.zeros(units), orders(hierarchy)
    for order in allowed:
        kept = np.array([[part in order[:count] for part in range(units)] for count in range(units + 1)])
        total[order] += np.diff(value(kept))
    assert np.allclose(owen.explain(value, hierarchy, samples=10**6), total / len(allowed))


def test_owen_values_by_hand() -> None:
    """A majority of three, of which two are a union: it wins by itself, and the third is worth nothing."""
    found = owen.explain(lambda kept: (kept.sum(axis=1) >= 2) * 1.0, owen.halve(np.arange(3)[None]), samples=100)
    assert found.tolist() == [0.5, 0.5, 0.0]


@given(st.integers(2, 40), st.integers(2, 400), st.integers(0, 50))
@settings(max_examples=40)
def test_owen_values_add_up_whenever_they_stop(units: int, samples: int, seed: int) -> None:
    weights, pairs = np.random.default_rng(seed).normal(size=units), np.random.default_rng(seed).normal(size=units - 1)
    asked: list[np.ndarray] = []

    def value(kept: np.ndarray) -> np.ndarray:
        asked.extend(kept)
        return np.asarray(kept @ weights + (kept[:, 1:] & kept[:, :-1]) @ pairs)

    found = owen.explain(value, owen.halve(np.arange(units)[None]), samples=samples)
    assert len(asked) <= samples
    assert found.sum() == pytest.approx(weights.sum() + pairs.sum())
    if samples >= 2 + 3 * units**2 / 4:
        assert np.allclose(found, weights + (np.append(pairs, 0) + np.append(0, pairs)) / 2)


def test_what_matters_most_is_halved_first() -> None:
    found = owen.explain(lambda kept: kept[:, 5] * 1.0, owen.halve(np.arange(64)[None]), samples=130)
    assert found[5] == pytest.approx(1)
    assert np.abs(np.delete(found, 5)).max() < 1e-12


def test_neighbours_of_an_image_are_regions() -> None:
    places = [(top, left, top + 8, left + 8) for top in (0, 8) for left in (0, 8, 16, 24)]
    hierarchy = owen.neighbours(Units("patch", [""] * 8, places, b""))
    assert [half.parts.tolist() for half in hierarchy.halves] == [[0, 1, 4, 5], [2, 3, 6, 7]]
    assert [half.parts.tolist() for half in hierarchy.halves[0].halves] == [[0, 4], [1, 5]]
