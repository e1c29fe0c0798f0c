"""BLEU, chrF and ROUGE against sacrebleu and rouge-score, on texts drawn by hypothesis and by hand."""

from __future__ import annotations

import numpy as np
import pytest
import sacrebleu
from hypothesis import given, settings
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer  # type: ignore[import-untyped]

from modelyard.methods import bleu, chrf, rouge
from modelyard.methods.answer_scores import judge

WORDS = st.sampled_from(
    ["the", "cat", "sat", "on", "a", "mat,", "mat.", "3,5", "1-2", "The", "don't", "(so)", "&amp;", "x"]
)
TEXTS = st.lists(WORDS, min_size=0, max_size=14).map(" ".join)
CORPORA = st.lists(st.tuples(TEXTS, TEXTS.filter(bool)), min_size=1, max_size=5)


@settings(max_examples=60, deadline=None)
@given(CORPORA)
def test_bleu_is_sacrebleus(pairs: list[tuple[str, str]]) -> None:
    counts = sum(bleu.count(bleu.words(answer), bleu.words(reference)) for answer, reference in pairs)
    expected = sacrebleu.corpus_bleu([answer for answer, _ in pairs], [[reference for _, reference in pairs]])
    assert bleu.score(np.asarray(counts)) == pytest.approx(expected.score, abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(CORPORA)
def test_chrf_is_sacrebleus(pairs: list[tuple[str, str]]) -> None:
    counts = sum(chrf.count(answer, reference) for answer, reference in pairs)
    expected = sacrebleu.corpus_chrf([answer for answer, _ in pairs], [[reference for _, reference in pairs]])
    assert chrf.score(np.asarray(counts)) == pytest.approx(expected.score, abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(TEXTS, TEXTS)
def test_rouge_is_rouge_scores(answer: str, reference: str) -> None:
    expected = RougeScorer(["rouge1", "rouge2", "rougeL"]).score(reference, answer)
    ours, theirs = rouge.tokens(answer), rouge.tokens(reference)
    assert rouge.sequences(ours, theirs, 1) == pytest.approx(expected["rouge1"].fmeasure)
    assert rouge.sequences(ours, theirs, 2) == pytest.approx(expected["rouge2"].fmeasure)
    assert rouge.longest(ours, theirs) == pytest.approx(expected["rougeL"].fmeasure)


def test_by_hand() -> None:
    # The example of Papineni et al.: seven times "the" hits two of seven.
    counts = bleu.count(["the", "the", "the", "the", "the", "the", "the"], ["the", "cat", "is", "on", "the", "mat"])
    assert counts[0] / counts[bleu.ORDER] == pytest.approx(2 / 7)
    assert rouge.longest(["police", "kill", "the", "gunman"], ["police", "killed", "the", "gunman"]) == 0.75
    assert rouge.common_subsequence(list("abcbdab"), list("bdcaba")) == 4
    assert bleu.score(np.array([4, 3, 2, 1, 4, 3, 2, 1, 4, 4])) == pytest.approx(100)
    assert bleu.score(np.array([4, 3, 2, 1, 4, 3, 2, 1, 4, 8])) == pytest.approx(100 * np.exp(-1))


def test_texts_without_blanks_are_counted_by_signs() -> None:
    references = ["今天天气很好我们去公园", "他不喜欢吃苹果"]
    found = judge(
        np.arange(2), ["", ""], ["今天天气不好我们去公园", "他不喜欢吃苹果"], references, confidence=0.95, seed=0
    )
    expected = sacrebleu.corpus_bleu(["今天天气不好我们去公园", "他不喜欢吃苹果"], [references], tokenize="char")
    assert found.measures["bleu"].value == pytest.approx(expected.score)
    assert (found.measures["rouge1"].value or 0) > 0.9
    assert found.measures["exact_match"].value == 0.5
    assert "counts signs" in found.notes[0]


def test_intervals_hold_the_score_and_shrink_with_the_rows() -> None:
    random = np.random.default_rng(0)
    words = np.array(["a", "b", "c", "d", "e", "f", "g", "h"])
    references = [" ".join(random.choice(words, 8)) for _ in range(160)]
    answers = [
        " ".join(word if random.random() < 0.7 else "x" for word in reference.split()) for reference in references
    ]
    widths = {}
    for n in (40, 160):
        found = judge(np.arange(n), answers[:n], answers[:n], references[:n], confidence=0.95, seed=0)
        for name in ("bleu", "chrf", "rouge1", "rouge2", "rougeL"):
            measure = found.measures[name]
            assert measure.low is not None
            assert measure.high is not None
            assert measure.low < (measure.value or 0) < measure.high
            widths[name, n] = measure.high - measure.low
    assert widths["bleu", 160] == pytest.approx(widths["bleu", 40] / 2, rel=0.4)
    assert found.tables[0].rows[0][4] == min(float(row[4] or 0) for row in found.tables[0].rows)
