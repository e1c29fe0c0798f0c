"""Changed copies of texts that mean the same: some words of each get a small edit, drawn at random.

The edits are those of :mod:`modelyard.methods.text_edits`; an attacker looks for the most harmful ones, here chance
decides. After Wei and Zou, "EDA: Easy data augmentation techniques", EMNLP 2019, without synonyms. Knows strings.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from modelyard.methods import text_edits
from modelyard.methods.text_edits import Kind


def vary(text: str, kind: Kind, count: int, random: np.random.Generator, good: Sequence[str] = ()) -> str:
    """The text with ``count`` of its words edited, words and edits drawn alike; fewer where words admit none.

    Args:
        good: words that ``insert`` puts in, as often as they are to be drawn.
    """
    words = text_edits.split(text)
    for place in random.permutation(len(words.words)):
        if not count:
            break
        if words.words[place]:
            drawn = [good[int(random.integers(len(good)))]] if good else []
            for edit in text_edits.propose(kind, words, int(place), choices=1, random=random, good=drawn):
                words, count = words.edited(edit), count - 1
    return words.text


def vary_share(text: str, kind: Kind, rate: float, random: np.random.Generator, good: Sequence[str] = ()) -> str:
    """The same, with each word edited with the probability ``rate``, and one at least."""
    count = int(random.binomial(len(text_edits.split(text).words), rate))
    return vary(text, kind, max(1, count), random, good)
