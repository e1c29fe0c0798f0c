"""Where the words of a text lie. Knows no tokenizer: words are what a person would point at.

A word is a run of letters and digits (with apostrophes and hyphens within), one character of Chinese or Japanese,
which write no spaces, a mark in brackets such as the ``[PHONE]`` that masking leaves, or a run of other signs.
"""

from __future__ import annotations

import re

import numpy as np

_IDEOGRAPHS = "\u2e80-\u9fff\uf900-\ufaff\U00020000-\U0003134f"
_LETTER = rf"(?:(?![{_IDEOGRAPHS}])\w)"
_WORD = re.compile(rf"\[[A-Z]+\]|[{_IDEOGRAPHS}]|{_LETTER}+(?:['’-]{_LETTER}+)*|[^\w\s]+")


def words(text: str, most: int) -> list[tuple[int, int]]:
    """First character of each word and the one after its last.

    Args:
        most: how many there may be; in a longer text as many neighbours as it takes count as one word.
    """
    found = [match.span() for match in _WORD.finditer(text)]
    if len(found) <= most:
        return found
    groups = np.array_split(np.arange(len(found)), most)
    return [(found[group[0]][0], found[group[-1]][1]) for group in groups]


def keep(text: str, places: list[tuple[int, int]], kept: np.ndarray) -> list[str]:
    """The text with only those words that are kept; what lies between the words stays.

    Args:
        places: as :func:`words` gives them.
        kept: bool [n, words].
    """
    starts = [0, *(end for _, end in places)]
    gaps = [text[start:end] for start, end in zip(starts, [*(start for start, _ in places), len(text)], strict=True)]
    pieces = [text[start:end] for start, end in places]
    return [
        gaps[0] + "".join((piece if here else "") + gap for piece, here, gap in zip(pieces, row, gaps[1:], strict=True))
        for row in kept.tolist()
    ]


def owners(spans: list[tuple[int, int]], places: list[tuple[int, int]]) -> np.ndarray:
    """Of each token, the number of the word that it lies in, int64; -1 for one in no word.

    Args:
        spans: first and last-but-one character of each token; an empty span for one that is no part of the text.
    """
    found = np.full(len(spans), -1, dtype=np.int64)
    ends = np.array([end for _, end in places])
    for token, (start, end) in enumerate(spans):
        if start < end:
            # The last character: some tokenizers count the blank before a word to its first token.
            word = int(np.searchsorted(ends, end - 1, side="right"))
            if word < len(places) and places[word][0] < end:
                found[token] = word
    return found
