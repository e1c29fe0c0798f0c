"""Words that nobody knows, as the known word that one slip of a finger would have made them from.

A slip leaves a letter out, puts one in, puts another in its place, or swaps two neighbours: distance one of Damerau
(1964), which is what four in five typing errors are. Of several known words one with the same first letter is meant,
since slips hardly ever hit the first (Kukich 1992), then the most frequent, as in the noisy channel of Kernighan,
Church and Gale (1990) with all slips alike. In front of a classifier it takes typing errors away before they are seen
(Pruthi, Dhingra and Lipton 2019, who have a network for it). Words are found by what is left of them without one letter
(Garbe 2012), so that a word costs as many look-ups as it has letters. Knows strings; the known words are those of the
texts that were learned from, no dictionary.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping

SHORTEST, LONGEST = 2, 24
"""Letters of words that are corrected: one letter tells too little, and what is longer is no word."""
# Scripts without blanks have no words of letters to know.
_WORD = re.compile(r"(?:(?![\u3040-\u30ff\u3400-\u9fff])[^\W\d_])+")


def known_words(texts: Iterable[str], *, least: int) -> dict[str, int]:
    """Words of the texts in small letters that occur at least so often → how often."""
    counts = Counter(word.lower() for text in texts for word in _WORD.findall(text))
    return {word: count for word, count in sorted(counts.items()) if count >= least and len(word) <= LONGEST}


class Speller:
    """Corrects words.

    Args:
        known: words in small letters → how often they occur.
    """

    def __init__(self, known: Mapping[str, int]) -> None:
        self._known = known
        self._longer: dict[str, list[str]] = {}
        for word in known:
            for rest in _shorter(word):
                self._longer.setdefault(rest, []).append(word)

    def correct(self, text: str) -> str:
        """The text with each unknown word as the known one that it is a slip away from, if there is one; case stays."""
        return _WORD.sub(lambda match: self._corrected(match[0]), text)

    def _corrected(self, word: str) -> str:
        small = word.lower()
        if small in self._known or not SHORTEST <= len(small) <= LONGEST:
            return word
        near = self._near(small)
        if not near:
            return word
        best = min(near, key=lambda other: (other[0] != small[0], -self._known[other], other))
        return best.upper() if word.isupper() else best.capitalize() if word[0].isupper() else best

    def _near(self, word: str) -> set[str]:
        rests = _shorter(word)
        same = (other for rest in rests for other in self._longer.get(rest, ()))
        found = {other for other in same if len(other) == len(word) and _is_one_slip(word, other)}
        return found | (rests & self._known.keys()) | set(self._longer.get(word, ()))


def _shorter(word: str) -> set[str]:
    """The word without each of its letters."""
    return {word[:place] + word[place + 1 :] for place in range(len(word))}


def _is_one_slip(word: str, other: str) -> bool:
    """Whether words of one length differ in one letter, or in two neighbours that were swapped."""
    places = [place for place, (one, two) in enumerate(zip(word, other, strict=True)) if one != two]
    first, last = places[0], places[-1]
    return len(places) == 1 or (
        len(places) == 2 and last == first + 1 and word[first : last + 1] == other[first : last + 1][::-1]
    )
