"""The search finds the edits that matter, within the budget, of classifiers whose weakness is known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from modelyard.methods import greedy_search, text_edits
from modelyard.methods.text_edits import Edit, Words

WEIGHTS = {"free": 2.0, "prize": 1.5, "win": 0.5}


def ask(texts: Sequence[str]) -> np.ndarray:
    """A bag of words: spam (class 1) by the words that are spelt right."""
    scores = np.array([sum(WEIGHTS.get(word, 0.0) for word in text.split()) - 1.0 for text in texts])
    spam = 1 / (1 + np.exp(-scores))
    return np.stack([1 - spam, spam], axis=1).reshape(len(texts), 2)


def typos(words: Words, place: int, target: int, random: np.random.Generator) -> list[Edit]:
    return text_edits.propose("typos", words, place, choices=4, random=random)


def attack(texts: list[str], targets: list[int], budget: int) -> list[greedy_search.Trail]:
    return greedy_search.search(texts, targets, ask, typos, budget=budget, seed=0)


def test_the_heaviest_words_go_first_and_the_answer_turns_as_soon_as_it_can() -> None:
    # 2 + 1.5 + 0.5 - 1 = 3; without "free" 1, without "free" and "prize" -0.5.
    (trail,) = attack(["you win a free prize"], [1], budget=3)
    assert trail.fell
    assert len(trail.steps) == 2
    first, second = (step.split() for step in trail.steps)
    assert first[3] != "free"
    assert [*first[:3], first[4]] == ["you", "win", "a", "prize"]
    assert second[3] == first[3]
    assert second[4] != "prize"
    assert second[:3] == ["you", "win", "a"]


def test_the_budget_holds() -> None:
    (trail,) = attack(["you win a free prize"], [1], budget=1)
    assert not trail.fell
    assert len(trail.steps) == 1


def test_a_text_that_no_edit_harms_keeps_all_its_words() -> None:
    (trail,) = attack(["see you at dinner"], [0], budget=5)
    assert trail.steps == []
    assert not trail.fell


def test_queries_are_counted() -> None:
    # The text, its two words left out, four edits of "free": then it has fallen.
    (trail,) = attack(["free hello"], [1], budget=2)
    assert trail.fell
    assert trail.queries == 1 + 2 + 4


def test_texts_do_not_disturb_each_other() -> None:
    texts, targets = ["you win a free prize", "see you at dinner", "", "free prize"], [1, 0, 0, 1]
    together = attack(texts, targets, budget=3)
    assert [trail.fell for trail in together] == [True, False, False, True]
    assert attack(texts, targets, budget=3) == together
