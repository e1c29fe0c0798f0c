"""Which slices of a split can be named: values and ranges of its columns, lengths of its texts, and their words.

Knows columns, neither answers nor failures.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from modelyard.methods.scripts import WITHOUT_BLANKS
from modelyard.methods.slices import Candidate

MOST_VALUES = 50
"""A column with more different values than this has no slice a value."""
MOST_WORDS = 300
"""Of the words of a text, so many of the most frequent ones are looked at."""
_WORD = re.compile(r"[^\W\d_]{2,}")
# In scripts without blanks each sign is a word.
_SIGN = re.compile(f"[{WITHOUT_BLANKS}]")


def candidates(columns: Mapping[str, Sequence[Any]], texts: Mapping[str, Sequence[str]]) -> list[Candidate]:
    """Every slice that can be named.

    Args:
        columns: values of each column, numbers or anything that compares equal; None where one is missing.
        texts: texts by name.
    """
    found: list[Candidate] = []
    for name, values in columns.items():
        found += _of_column(name, values)
    for name, each in texts.items():
        found += _ranges(f"length of {name}", np.array([len(text) for text in each], dtype=np.float64))
        found += _words(name, each)
    return found


def _of_column(name: str, values: Sequence[Any]) -> Iterator[Candidate]:
    missing = np.array([value is None for value in values])
    yield Candidate(f"{name} is missing", missing)
    counts = Counter(value for value in values if value is not None)
    numbers = [value for value in counts if isinstance(value, int | float) and not isinstance(value, bool)]
    if len(numbers) == len(counts) > 8:
        yield from _ranges(name, np.array([np.nan if value is None else value for value in values], dtype=np.float64))
    elif len(counts) <= MOST_VALUES:
        for value in counts:
            yield Candidate(f"{name} = {value}", np.array([item == value for item in values]))


def _ranges(name: str, values: np.ndarray) -> Iterator[Candidate]:
    """Quarters of the values, by their own quartiles."""
    if not np.isfinite(values).any():
        return
    low, middle, high = np.nanquantile(values, [0.25, 0.5, 0.75])
    with np.errstate(invalid="ignore"):
        yield Candidate(f"{name} up to {low:.6g}", values <= low)
        yield Candidate(f"{name} over {low:.6g} up to {middle:.6g}", (values > low) & (values <= middle))
        yield Candidate(f"{name} over {middle:.6g} up to {high:.6g}", (values > middle) & (values <= high))
        yield Candidate(f"{name} over {high:.6g}", values > high)


def _words(name: str, texts: Sequence[str]) -> Iterator[Candidate]:
    each = [{*_WORD.findall(text.lower()), *_SIGN.findall(text)} for text in texts]
    yield Candidate(f"{name} holds a digit", np.array([any(map(str.isdigit, text)) for text in texts], dtype=bool))
    for word, _ in Counter(word for words in each for word in sorted(words)).most_common(MOST_WORDS):
        yield Candidate(f"{name} holds {word!r}", np.array([word in words for words in each]))
