"""How long a row is, near enough to its tokens to put like with like; no tokenizer is asked.

Counting tokens takes a tokenizer's whole work, ten times as long. Words, numbers and signs, cut about as vocabularies
cut them, are closer to tokens than bytes are.
"""

from __future__ import annotations

import re

from modelyard.core.transform import Row

_PIECE = re.compile(r"[A-Za-zÀ-ɏ]{1,7}|[0-9]{1,3}|[ɐ-⿿]{1,3}|\S")
"""Latin letters; digits; letters of other alphabets; one sign, or one character of a script without spaces."""
_CHARACTERS = 8
"""A piece is hardly ever longer, so that no more of a text is looked at than can count."""


def length_of(row: Row, most: int) -> int:
    """Pieces of the row's texts, at most so many: what lies beyond is cut off by the tokenizer and costs nothing."""
    texts = [value for value in row.values() if isinstance(value, str)]
    return min(most, sum(len(_PIECE.findall(text[: most * _CHARACTERS])) for text in texts))
