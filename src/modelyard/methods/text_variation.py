"""Changed copies of texts that mean the same: some words of each get a small edit, drawn at random.

The edits are those of :mod:`modelyard.methods.text_edits`; an attacker looks for the most harmful ones, here chance
decides. After Wei and Zou, "EDA: Easy data augmentation techniques", EMNLP 2019, without synonyms. Knows strings.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from modelyard.methods import text_edits
from modelyard.methods.text_edits import Kind


def vary(
    texts: Sequence[str],
    kind: Kind,
    rate: float,
    random: np.random.Generator,
    words: Sequence[Sequence[str]] | None = None,
) -> list[str]:
    """A changed copy of each text; one in which nothing can be changed is the same.

    Args:
        rate: share of the words that are edited, in the mean; one word at least.
        words: for each text those that ``insert`` may put in, as often as they are to be drawn.
    """
    return [_varied(text, kind, rate, random, words[number] if words else ()) for number, text in enumerate(texts)]


def _varied(text: str, kind: Kind, rate: float, random: np.random.Generator, good: Sequence[str]) -> str:
    words = text_edits.split(text)
    count = len(words.words)
    if not count:
        return text
    chosen = set(np.flatnonzero(random.random(count) < rate).tolist()) or {int(random.integers(count))}
    # From the end: an edit that takes the next word too finds it as it was, or edited, never half.
    for place in sorted(chosen, reverse=True):
        if words.words[place]:
            drawn = [good[int(random.integers(len(good)))]] if good else []
            edits = text_edits.propose(kind, words, place, choices=1, random=random, good=drawn)
            words = words.edited(edits[0]) if edits else words
    return words.text
