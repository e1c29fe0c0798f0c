"""Texts as sparse rows of hashed words with TF-IDF weights: enough for a simple model of any script.

Words of letters and digits in small letters, and for ideographs, kana and hangul every character and every two that
stand together. Weights are (1 + log count) times log((1 + rows) / (1 + rows with it)) + 1; rows have length 1.
"""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Sequence

import numpy as np

from modelyard.methods.scripts import WITHOUT_BLANKS
from modelyard.methods.softmax_regression import SparseRows

WIDTH = 2**15
_WORDS = re.compile(rf"[^\W\d_{WITHOUT_BLANKS}]+|\d+|[{WITHOUT_BLANKS}]+")


def words(text: str) -> list[str]:
    """The words of a text, in order."""
    found = []
    for word in _WORDS.findall(text.casefold()):
        if word[0] < "\u3040":
            found.append(word)
        else:
            found += [*word, *(word[place : place + 2] for place in range(len(word) - 1))]
    return found


def rows(texts: Sequence[str]) -> SparseRows:
    """One row a text; one without words has a weight of zero in column 0."""
    counts = [Counter(zlib.crc32(word.encode()) % WIDTH for word in words(text)) or Counter({0: 0}) for text in texts]
    columns = np.array([column for row in counts for column in row], dtype=np.int64)
    times = np.array([number for row in counts for number in row.values()], dtype=np.float64)
    starts = np.concatenate([[0], np.cumsum([len(row) for row in counts])])
    there = np.bincount(columns, times > 0, WIDTH)
    values = np.where(times > 0, 1 + np.log(np.maximum(times, 1)), 0.0) * (
        np.log((1 + len(texts)) / (1 + there[columns])) + 1
    )
    lengths = np.sqrt(np.add.reduceat(values**2, starts[:-1]))
    return SparseRows(starts, columns, values / np.repeat(np.maximum(lengths, 1e-12), np.diff(starts)), WIDTH)
