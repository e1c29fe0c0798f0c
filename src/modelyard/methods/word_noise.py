"""Texts made of other texts, for a teacher to answer: what they mean does not matter, only that they are many.

After Tang et al., "Distilling task-specific knowledge from BERT into simple neural networks", 2019, with words of
the same texts in place of a language model's. Knows strings, no model.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

DROPPED = 0.1
"""Share of the words that are left out."""
REPLACED = 0.1
"""Share of the words that another word of the texts stands in for, drawn as often as it occurs in them."""
SPLICED = 0.25
"""Share of the texts that end as another text does."""


def corrupt(texts: Sequence[str], *, seed: int | Sequence[int]) -> list[str]:
    """One changed copy of each text, with words left out, replaced and spliced; never an empty one.

    The same seed gives the same copies.
    """
    random = np.random.default_rng(seed)
    split = [text.split() for text in texts]
    known = np.array([word for words in split for word in words] or [""], dtype=object)
    copies = []
    for text, words in zip(texts, split, strict=True):
        if len(words) > 1 and random.random() < SPLICED:
            words = _splice(words, split[random.integers(len(split))], random)
        draws = random.random(len(words))
        others = known[random.integers(len(known), size=len(words))]
        changed = [
            other if draw < DROPPED + REPLACED else word
            for word, other, draw in zip(words, others, draws, strict=True)
            if draw >= DROPPED
        ]
        copies.append(" ".join(changed) or text)
    return copies


def _splice(words: Sequence[str], other: Sequence[str], random: np.random.Generator) -> list[str]:
    """The beginning of one text and the end of another."""
    start = other[int(random.integers(len(other))) :] if other else []
    return [*words[: int(random.integers(1, len(words) + 1))], *start]
