"""Scores that are high for texts that somebody has tampered with: by surprise, or by words that were never seen.

Knows strings and a model of characters; what an ordinary text is say the rows that were learned from.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from modelyard.methods.character_model import CharacterModel
from modelyard.methods.text_edits import split

WINDOW = 6
"""Characters that are judged together: an edit is local, and the mean over a long text would drown it."""
_EDGES = ".,;:!?\"'()[]{}<>*-_/\\&"


def worst_surprise(model: CharacterModel, text: str) -> float:
    """Greatest mean surprise of ``WINDOW`` characters in a row, in nats a character; 0 for an empty text."""
    found = model.surprise(text)
    ends = range(min(WINDOW, len(found)), len(found) + 1)
    return max((sum(found[max(0, end - WINDOW) : end]) / WINDOW for end in ends), default=0.0)


def vocabulary(texts: Sequence[str]) -> frozenset[str]:
    """Every word of the texts in small letters, without the punctuation around it."""
    return frozenset(word for text in texts for word in _words(text))


def unknown_share(known: Collection[str], text: str) -> float:
    """Share of the words that are not known; words with digits count as known. 0 for a text without words."""
    words = _words(text)
    unknown = sum(word not in known and not any(map(str.isdigit, word)) for word in words)
    return unknown / len(words) if words else 0.0


def _words(text: str) -> list[str]:
    return [word for word in (word.strip(_EDGES).lower() for word in split(text).words) if word]
