"""How long rows are, near enough to their tokens to put like with like.

Cutting whole texts into tokens would be the tokenizer's work a second time. Texts are made of words that come again
and again: the tokenizer is asked for each of them once. Knows no request.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from modelyard.core.transform import Row
from modelyard.serve.features import HasTokenizer

_WORD = re.compile(r"[A-Za-zÀ-ɏ]{1,16}|[0-9]{1,3}|[ɐ-⿿]{1,16}|[^\s\ud800-\udfff]")
"""Latin letters; digits; letters of other alphabets; one sign, or one character of a script without spaces. No half of
a surrogate pair: a tokenizer cannot take one."""
_CHARACTERS = 8
"""A token is hardly ever longer, so that no more of a text is looked at than can count."""
_MOST = 100_000
"""Tokens of a row of a model that does not say how many it keeps."""
_REMEMBERED = 1 << 14
"""Words whose tokens are known."""


class Lengths:
    """Counts the tokens of rows, as if no word touched another.

    Args:
        processor: of the model's task; without a tokenizer each word is as long as any other.
        settings: of the model. What lies beyond its ``max_length`` is cut off and costs nothing.
    """

    def __init__(self, processor: Any, settings: Mapping[str, Any]) -> None:
        self._most = int(settings.get("max_length", _MOST))
        self._cut = self._most * _CHARACTERS
        tokenizer = processor.tokenizer if isinstance(processor, HasTokenizer) else None
        self._of_word: Callable[[str], int] = lru_cache(_REMEMBERED)(
            lambda word: len(tokenizer.encode(word, add_special_tokens=False).ids) if tokenizer else 1
        )

    def of(self, row: Row) -> int:
        """Tokens of the row's texts together."""
        tokens = 0
        for value in row.values():
            if isinstance(value, str):
                tokens += sum(map(self._of_word, _WORD.findall(value[: self._cut])))
        return min(self._most, tokens)
