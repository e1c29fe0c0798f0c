"""Texts written with look-alike letters, wide or styled letters and invisible characters, as plain ones.

Invisible characters are left out; compatibility forms (full width, bold, ligatures) become what they stand for (NFKC,
Unicode Standard Annex 15); a letter that looks like a Latin one becomes it where the rest of the word is Latin, or the
text is. Words of other scripts stay as they are. Folding what was folded changes nothing. Knows strings only.
"""

from __future__ import annotations

import re
import unicodedata

from modelyard.methods.look_alikes import INVISIBLE, JOINERS, PLAIN

_LATIN = "A-Za-z\u00c0-\u024f"
_INVISIBLE = re.compile(f"[{re.escape(INVISIBLE)}]|(?<=[{_LATIN}0-9])[{JOINERS}]")
_LETTERS = re.compile(r"[^\W\d_]+")
_IS_LATIN = re.compile(f"[{_LATIN}]")
_ENOUGH = 8
"""Passes after which folding ends; each leaves fewer characters to fold, and two do in practice."""


def fold(text: str) -> str:
    """The text with plain letters, by the rules of this module."""
    for _ in range(_ENOUGH):
        folded = _fold_once(text)
        if folded == text:
            break
        text = folded
    return text


def _fold_once(text: str) -> str:
    plain = unicodedata.normalize("NFKC", _INVISIBLE.sub("", text))
    if plain.isascii():
        return plain
    letters = [letter for word in _LETTERS.findall(plain) for letter in word]
    latin = sum(bool(_IS_LATIN.match(letter)) and letter not in PLAIN for letter in letters)
    is_latin = 2 * latin > len(letters)
    return unicodedata.normalize("NFKC", _LETTERS.sub(lambda word: _fold_word(word[0], is_latin), plain))


def _fold_word(word: str, in_latin: bool) -> str:
    """The word in Latin letters, if each of its letters is one or looks like one; otherwise as it is."""
    own = [letter for letter in word if letter not in PLAIN]
    if not all(_IS_LATIN.match(letter) for letter in own) or not (own or in_latin):
        return word
    return "".join(PLAIN.get(letter, letter) for letter in word)
