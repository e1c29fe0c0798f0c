"""Turns a classifier's answers by few edits of texts, asking it for nothing but probabilities.

Words are tried in the order of their importance, which is how far the right class's probability falls when the word
is left out; of the edits of a word the one that hurts most is kept, until the answer turns or the budget is spent
(Gao et al. 2018, Jin et al. 2020). All texts go forward in step, so that every round is one large batch. Knows no
model: it is given a function that answers texts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from modelyard.methods import text_edits
from modelyard.methods.text_edits import Edit, Words

Ask = Callable[[Sequence[str]], np.ndarray]
"""Texts → probabilities of shape (texts, classes)."""
Propose = Callable[[Words, int, int, np.random.Generator], list[Edit]]
"""Words, place, right class, random numbers → edits to try."""

MOST_WORDS = 64
"""Words of a text that are looked at, from its beginning: an attack on a long text costs no more."""
TRIES_AN_EDIT = 3
"""Words that are tried, at the most, for each edit of the budget; a word whose edits do not help is left alone."""


@dataclass
class Trail:
    """One text under attack.

    Attributes:
        steps: the text after each edit that was kept.
        fell: whether the answer turned with the last of them.
        queries: texts that were asked for it.
    """

    steps: list[str] = field(default_factory=list)
    fell: bool = False
    queries: int = 0


@dataclass
class _State:
    words: Words
    target: int
    order: list[int]
    chance: float
    trail: Trail


def search(
    texts: Sequence[str], targets: Sequence[int], ask: Ask, propose: Propose, *, budget: int, seed: int
) -> list[Trail]:
    """Attack each text with at most ``budget`` edits.

    An edit is kept only if it lowers the right class's probability; a word is edited once.

    Args:
        texts: that are answered rightly.
        targets: right class of each.

    Returns:
        what became of each text, in their order; the same for the same seed.
    """
    states = _start(texts, targets, ask)
    random = np.random.default_rng(seed)
    for _ in range(TRIES_AN_EDIT * budget):
        running = [
            state for state in states if state.order and not state.trail.fell and len(state.trail.steps) < budget
        ]
        if not running:
            break
        _round(running, ask, propose, random)
    return [state.trail for state in states]


def _start(texts: Sequence[str], targets: Sequence[int], ask: Ask) -> list[_State]:
    """Each text with its words in the order of their importance."""
    split = [text_edits.split(text) for text in texts]
    places = [range(min(MOST_WORDS, len(words.words))) for words in split]
    without = [words.edited({place: ""}).text for words, own in zip(split, places, strict=True) for place in own]
    answers = ask([*texts, *without])
    states, start = [], len(texts)
    for number, (words, own, target) in enumerate(zip(split, places, targets, strict=True)):
        left = answers[start : start + len(own), target]
        start += len(own)
        order = [int(place) for place in np.argsort(left, kind="stable")]
        states.append(_State(words, target, order, float(answers[number, target]), Trail(queries=1 + len(own))))
    return states


def _round(states: Sequence[_State], ask: Ask, propose: Propose, random: np.random.Generator) -> None:
    """One edit more of each text, if one is found that helps."""
    tried = []
    for state in states:
        edits: list[Edit] = []
        while state.order and not edits:
            # A word that cannot be edited costs nothing: the next one has its turn.
            place = state.order.pop(0)
            if state.words.words[place]:
                edits = propose(state.words, place, state.target, random)
        tried.append([state.words.edited(edit) for edit in edits])
    answers = ask([words.text for each in tried for words in each])
    start = 0
    for state, each in zip(states, tried, strict=True):
        chances = answers[start : start + len(each)]
        start += len(each)
        state.trail.queries += len(each)
        if each:
            _keep_best(state, each, chances)


def _keep_best(state: _State, tried: Sequence[Words], answers: np.ndarray) -> None:
    best = int(np.argmin(answers[:, state.target]))
    chance = float(answers[best, state.target])
    if chance >= state.chance:
        return
    state.words, state.chance = tried[best], chance
    state.trail.steps.append(tried[best].text)
    state.trail.fell = int(answers[best].argmax()) != state.target
