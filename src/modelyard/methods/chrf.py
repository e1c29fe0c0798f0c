"""chrF: how many sequences of characters an answer and its reference share. Popović 2015.

chrF2 as in sacrebleu: sequences of one to six characters, blanks left out, recall weighted twice. A corpus is scored
by its summed counts, so a resample is a product with weights. Knows texts only.
"""

from __future__ import annotations

from collections import Counter

import numpy as np

ORDER = 6
BETA = 2
COUNTS = 3 * ORDER
"""Of one text: sequences of the answer, of the reference, and shared ones, of each order."""


def count(answer: str, reference: str) -> np.ndarray:
    """What one text adds to the corpus, int64 (:data:`COUNTS`)."""
    ours, theirs = ("".join(text.split()) for text in (answer, reference))
    found = np.zeros((3, ORDER), dtype=np.int64)
    for order in range(1, ORDER + 1):
        first, second = (
            Counter(text[start : start + order] for start in range(len(text) - order + 1)) for text in (ours, theirs)
        )
        # A reference too short for an order says nothing of the answer's sequences of that length.
        ours_counted = sum(first.values()) if second else 0
        found[:, order - 1] = ours_counted, sum(second.values()), sum((first & second).values())
    return found.ravel()


def score(counts: np.ndarray) -> np.ndarray:
    """chrF from 0 to 100 of summed counts [..., COUNTS].

    Precision and recall are averaged over those orders that both sides have, then combined.
    """
    counts = np.asarray(counts, dtype=np.float64)
    ours, theirs, shared = (counts[..., part * ORDER : (part + 1) * ORDER] for part in range(3))
    there = (ours > 0) & (theirs > 0)
    orders = np.maximum(1, there.sum(axis=-1))
    with np.errstate(divide="ignore", invalid="ignore"):
        precision = np.where(there, shared / ours, 0.0).sum(axis=-1) / orders
        recall = np.where(there, shared / theirs, 0.0).sum(axis=-1) / orders
        both = (1 + BETA**2) * precision * recall / (BETA**2 * precision + recall)
    return np.asarray(np.where(precision + recall > 0, 100 * both, 0.0))
