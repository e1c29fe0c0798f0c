"""ROUGE-1, ROUGE-2 and ROUGE-L: words, pairs of words and the longest common subsequence. Lin 2004.

F1 of each, as in Google's rouge-score without a stemmer; beside Latin letters and digits, words of every alphabet
count, and each sign of scripts without blanks. Knows texts only.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from modelyard.methods.scripts import WITHOUT_BLANKS

_TOKEN = re.compile(rf"[{WITHOUT_BLANKS}]|[^\W_{WITHOUT_BLANKS}]+")


def tokens(text: str) -> list[str]:
    """Words in lower case, without punctuation."""
    return _TOKEN.findall(text.lower())


def sequences(answer: Sequence[str], reference: Sequence[str], order: int) -> float:
    """F1 of the word sequences of one length that both have: ROUGE-N."""
    ours, theirs = (
        Counter(tuple(each[start : start + order]) for start in range(len(each) - order + 1))
        for each in (answer, reference)
    )
    return _f1(sum((ours & theirs).values()), sum(ours.values()), sum(theirs.values()))


def longest(answer: Sequence[str], reference: Sequence[str]) -> float:
    """F1 of the longest common subsequence: ROUGE-L of texts of one sentence."""
    return _f1(common_subsequence(answer, reference), len(answer), len(reference))


def common_subsequence(first: Sequence[str], second: Sequence[str]) -> int:
    """Length of the longest common subsequence.

    With a bit a word of ``first``: a bit that turns to zero is a longer subsequence (Hyyrö 2004).
    """
    places: dict[str, int] = {}
    for place, token in enumerate(first):
        places[token] = places.get(token, 0) | 1 << place
    mask = (1 << len(first)) - 1
    open_bits = mask
    for token in second:
        hits = open_bits & places.get(token, 0)
        open_bits = ((open_bits + hits) | (open_bits - hits)) & mask
    return len(first) - open_bits.bit_count()


def _f1(shared: int, ours: int, theirs: int) -> float:
    return 2 * shared / (ours + theirs) if ours and theirs else 0.0
