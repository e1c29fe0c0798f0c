"""Scores of language models: by hand, at the edges, and in simulation."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from modelyard.core.errors import InputError, ModelyardError
from modelyard.core.report import Findings
from modelyard.methods.language_scores import compare, judge


def judged(logprobs: list[np.ndarray], hits: list[np.ndarray] | None = None, seed: int = 0) -> Findings:
    tokens = [np.arange(len(item)) for item in logprobs]
    best = [token + (0 if hits is None else 1 - hits[number]) for number, token in enumerate(tokens)]
    sizes = np.array([4 * len(item) for item in logprobs])
    return judge(np.arange(len(logprobs)), logprobs, best, tokens, sizes, confidence=0.95, seed=seed)


def test_known_answer() -> None:
    # Probabilities 1/2 and 1/8 (4 bits in 8 bytes), then 1/4 (2 bits in 4 bytes); one of three tokens hit.
    logprobs = [np.log([1 / 2, 1 / 8]), np.log([1 / 4])]
    found = judged(logprobs, [np.array([1, 0]), np.array([0])])
    assert found.measures["perplexity"].value == pytest.approx(2 ** (6 / 3))
    assert found.measures["bits_per_byte"].value == pytest.approx(6 / 12)
    assert found.measures["token_accuracy"].value == pytest.approx(1 / 3)
    assert found.measures["perplexity"].n == 3
    assert found.tables[0].rows == [[1, 1, 4.0, 0.5, 0.0], [0, 2, 4.0, 0.5, 0.5]] or found.tables[0].rows == [
        [0, 2, pytest.approx(4), pytest.approx(0.5), 0.5],
        [1, 1, pytest.approx(4), pytest.approx(0.5), 0.0],
    ]


def test_documents_are_drawn_whole_where_there_are_enough() -> None:
    random = np.random.default_rng(0)
    # Tokens of a document share its level: drawing tokens alone would be far too sure.
    documents = [np.full(200, -level) + random.normal(0, 0.01, 200) for level in random.uniform(1, 3, 40)]
    many = judged(documents)
    one = judged([np.concatenate(documents)])
    assert "40 documents" in many.notes[0]
    assert "blocks of 89 tokens" in one.notes[0]
    for found in (many, one):
        low, high = found.measures["perplexity"].low, found.measures["perplexity"].high
        assert low is not None and high is not None  # noqa: PT018
        assert high / low > 1.25


def test_interval_covers_the_truth_of_the_population() -> None:
    random = np.random.default_rng(1)
    covered = []
    for seed in range(100):
        levels = random.gamma(4, 0.5, 50)
        found = judged([-random.exponential(level, 60) for level in levels], seed=seed).measures["perplexity"]
        assert found.low is not None and found.high is not None  # noqa: PT018
        covered.append(found.low <= math.exp(2) <= found.high)
    assert np.mean(covered) >= 0.87


def test_nothing_and_empty_documents_are_no_crash() -> None:
    assert {measure.value for measure in judged([]).measures.values()} == {None}
    found = judged([np.zeros(0), np.log([0.5, 0.5])])
    assert found.measures["perplexity"].value == pytest.approx(2)


def test_an_impossible_token_makes_perplexity_unknown_and_no_crash() -> None:
    found = judged([np.array([-1.0, -np.inf, -2.0])])
    assert found.measures["perplexity"].value is None
    assert found.measures["token_accuracy"].value == 1


def test_a_probability_that_is_not_a_number_is_the_models_fault() -> None:
    with pytest.raises(ModelyardError, match="not a number"):
        judged([np.array([-1.0, np.nan])])


def test_hits_on_every_token_of_a_short_text_prove_little() -> None:
    low = judged([np.full(12, -0.1)]).measures["token_accuracy"].low
    assert low is not None
    assert low < 0.8


def test_drops_and_agreement() -> None:
    random = np.random.default_rng(2)
    documents = [-random.exponential(2, 50) for _ in range(30)]
    hits = [random.integers(0, 2, 50) for _ in range(30)]
    worse = [item.copy() for item in hits]
    worse[0][:] = 0
    reference, ours = judged(documents, hits), judged([item - 0.05 for item in documents], worse)
    found = compare(ours, reference, confidence=0.95, seed=0).measures
    assert found["agreement"].value == pytest.approx(1 - hits[0].sum() / 1_500)
    assert found["largest_difference"].value == pytest.approx(0.05)
    for name in ("perplexity", "bits_per_byte", "token_accuracy"):
        expected = (reference.measures[name].value or 0) - (ours.measures[name].value or 0)
        drop = found[f"{name}_drop"]
        assert drop.value == pytest.approx(expected)
        assert drop.low is not None and drop.high is not None and drop.low <= expected <= drop.high  # noqa: PT018
    assert found["perplexity_drop"].high is not None
    assert found["perplexity_drop"].high < 0


def test_rows_are_joined_by_their_number() -> None:
    documents = [np.full(5, -float(number)) for number in range(1, 15)]
    reference, ours = judged(documents), judged(documents)
    assert ours.rows is not None
    shuffled = replace(ours, rows=ours.rows.take(list(range(13, -1, -1))))
    assert compare(shuffled, reference, confidence=0.95, seed=0).measures["largest_difference"].value == 0


def test_other_rows_tokens_or_reports_are_refused() -> None:
    first, second = judged([np.full(5, -1.0)]), judged([np.full(4, -1.0)])
    with pytest.raises(InputError, match="other tokens"):
        compare(first, second, confidence=0.95, seed=0)
    with pytest.raises(InputError, match="other rows: 1 and 2"):
        compare(first, judged([np.full(5, -1.0)] * 2), confidence=0.95, seed=0)
    with pytest.raises(InputError, match="no scored tokens"):
        compare(first, Findings({}), confidence=0.95, seed=0)
