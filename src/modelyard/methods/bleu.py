"""BLEU: how many word sequences of an answer stand in the reference. Papineni et al. 2002.

Counted and smoothed as sacrebleu does with its tokenizer ``13a`` (Post 2018), or by signs for texts that are written
without blanks. A corpus is scored by its summed counts, so a resample is a product with weights. Knows texts only.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np

ORDER = 4
COUNTS = 2 * ORDER + 2
"""Of one text: hits of each order, sequences of each order, words of the answer and of the reference."""

# The steps of mteval-v13a: punctuation stands alone, but points and commas within numbers do not.
_ENTITIES = (("&quot;", '"'), ("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">"))
_PUNCTUATION = (
    (re.compile(r"([{-~\[-` -&(-+:-@/])"), r" \1 "),
    (re.compile(r"([^0-9])([.,])"), r"\1 \2 "),
    (re.compile(r"([.,])([^0-9])"), r" \1 \2"),
    (re.compile(r"([0-9])(-)"), r"\1 \2 "),
)


def words(text: str) -> list[str]:
    """The words and punctuation marks of a text in a script with blanks."""
    text = text.replace("<skipped>", "").replace("-\n", "").replace("\n", " ")
    for entity, sign in _ENTITIES:
        text = text.replace(entity, sign)
    text = f" {text} "
    for pattern, replacement in _PUNCTUATION:
        text = pattern.sub(replacement, text)
    return text.split()


def signs(text: str) -> list[str]:
    """Every sign by itself, for scripts without blanks."""
    return [sign for sign in text if not sign.isspace()]


def count(answer: Sequence[str], reference: Sequence[str]) -> np.ndarray:
    """What one text adds to the corpus, int64 (:data:`COUNTS`)."""
    hits, totals = [], []
    for order in range(1, ORDER + 1):
        ours, theirs = (_sequences(tokens, order) for tokens in (answer, reference))
        hits.append(sum((ours & theirs).values()))
        totals.append(sum(ours.values()))
    return np.array([*hits, *totals, len(answer), len(reference)], dtype=np.int64)


def score(counts: np.ndarray) -> np.ndarray:
    """BLEU from 0 to 100 of summed counts [..., COUNTS].

    The geometric mean of the precisions times the penalty for answers that are shorter than their references. An
    order without a hit counts half a hit, the next a quarter, and so on (``exp`` smoothing).
    """
    counts = np.asarray(counts, dtype=np.float64)
    hits, totals = counts[..., :ORDER], counts[..., ORDER : 2 * ORDER]
    answered, wanted = counts[..., -2], counts[..., -1]
    missing = np.cumsum(hits == 0, axis=-1)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        precision = np.where(hits > 0, hits, 0.5**missing) / totals
        mean = np.exp(np.log(precision).mean(axis=-1))
        penalty = np.where(answered < wanted, np.exp(1 - wanted / answered), 1.0)
        known = (totals > 0).all(axis=-1) & (hits > 0).any(axis=-1)
        return np.asarray(np.where(known, 100 * penalty * mean, 0.0))


def _sequences(tokens: Sequence[str], order: int) -> Counter[tuple[str, ...]]:
    return Counter(tuple(tokens[start : start + order]) for start in range(len(tokens) - order + 1))
