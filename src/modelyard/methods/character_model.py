"""How surprising a text is, character by character: a model of character n-grams fitted on texts that are in order.

Each order is mixed with the next shorter one by Witten and Bell's weights (1991), down to all characters alike. Small,
fast and trained on the task's own rows; no language model is needed. Knows strings only.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

START = "\u0002"
"""Stands before the first character."""


@dataclass(frozen=True)
class CharacterModel:
    """Counts of characters after contexts of each length.

    Attributes:
        order: characters of the longest context.
        after: for each length of context, context and character together → how often they occurred.
        contexts: for each length, context → how often it occurred, and how many different characters followed.
        alphabet: number of characters, one more for all that were never seen.
    """

    order: int
    after: Sequence[Counter[str]]
    contexts: Sequence[dict[str, tuple[int, int]]]
    alphabet: int

    def surprise(self, text: str) -> list[float]:
        """Of each character, minus the logarithm of its probability after those before it, in nats."""
        padded = START * self.order + text
        return [
            -math.log(self.probability(padded[place - self.order : place], padded[place]))
            for place in range(self.order, len(padded))
        ]

    def probability(self, context: str, character: str) -> float:
        """Of a character after a context of ``order`` characters."""
        found = 1 / self.alphabet
        for length in range(self.order + 1):
            suffix = context[len(context) - length :]
            total, different = self.contexts[length].get(suffix, (0, 0))
            if total:
                found = (self.after[length][suffix + character] + different * found) / (total + different)
        return found


def fit(texts: Iterable[str], *, order: int = 3) -> CharacterModel:
    """Count every text."""
    after: list[Counter[str]] = [Counter() for _ in range(order + 1)]
    for text in texts:
        padded = START * order + text
        for length in range(order + 1):
            after[length].update(padded[place - length : place + 1] for place in range(order, len(padded)))
    contexts: list[dict[str, tuple[int, int]]] = []
    for counts in after:
        found: dict[str, tuple[int, int]] = {}
        for together, count in counts.items():
            total, different = found.get(together[:-1], (0, 0))
            found[together[:-1]] = (total + count, different + 1)
        contexts.append(found)
    return CharacterModel(order, after, contexts, len(after[0]) + 1)
