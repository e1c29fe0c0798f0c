"""Small edits of a text, one word at a time, that a reader hardly notices and a model may: an attacker's moves.

``typos`` after Gao et al. 2018 (DeepWordBug) with the keys of a QWERTY board, ``homoglyphs`` after Boucher et al.
2022 ("Bad characters"), ``words`` leaves out, swaps, joins and splits, ``insert`` after the good words of Lowd and Meek
2005. There are no synonyms: an edit keeps the sense by keeping nearly all of the text. Knows strings, no model.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from modelyard.methods.look_alikes import LOOK_ALIKES

Kind = Literal["typos", "homoglyphs", "words", "insert"]
KINDS: tuple[Kind, ...] = get_args(Kind)

SHORTEST = 3
"""Letters of a word that is worth a typing error: one in "to" makes another word of it."""
ZERO_WIDTH = "\u200b"
_KEYS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
# Scripts without blanks between words: each character counts as a word.
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\s\u3040-\u30ff\u3400-\u9fff]+")

Edit = Mapping[int, str]
"""Position of a word → what stands there afterwards; nothing takes the word away."""


@dataclass(frozen=True)
class Words:
    """A text as words and what stands between them.

    Attributes:
        words: in order; an empty one was taken away.
        between: what stands before each word, and behind the last one.
    """

    words: tuple[str, ...]
    between: tuple[str, ...]

    @property
    def text(self) -> str:
        """Put together again; with a word the blank before it goes."""
        kept = [gap + word for gap, word in zip(self.between, self.words, strict=False) if word]
        return "".join([*kept, self.between[-1]])

    def edited(self, edit: Edit) -> Words:
        return Words(tuple(edit.get(place, word) for place, word in enumerate(self.words)), self.between)


def split(text: str) -> Words:
    """The words of a text; ``split(text).text`` is the text."""
    found = list(_WORD.finditer(text))
    starts = [match.start() for match in found] + [len(text)]
    ends = [0] + [match.end() for match in found]
    return Words(
        tuple(match[0] for match in found), tuple(text[end:start] for end, start in zip(ends, starts, strict=True))
    )


def propose(
    kind: Kind, words: Words, place: int, *, choices: int, random: np.random.Generator, good: Sequence[str] = ()
) -> list[Edit]:
    """Up to ``choices`` different edits of the word at ``place``, drawn from all that the kind knows.

    Args:
        good: words that ``insert`` puts in, of which each edit takes one.
    """
    edits = _good_words(words, place, good) if kind == "insert" else _EDITS[kind](words, place)
    if len(edits) <= choices:
        return edits
    return [edits[number] for number in sorted(random.permutation(len(edits))[:choices])]


def typos(word: str) -> list[str]:
    """Every word that one slip of a finger makes of this one; the first letter stays, since readers go by it."""
    letters = [place for place, letter in enumerate(word) if letter.isalpha()]
    if len(letters) < SHORTEST:
        return []
    found = []
    for place in letters[1:]:
        head, letter, tail = word[:place], word[place], word[place + 1 :]
        found += [head + tail, head + letter + letter + tail]
        if tail and tail[0].isalpha():
            found.append(head + tail[0] + letter + tail[1:])
        found += [head + other + tail for other in _neighbours(letter)]
    return sorted(set(found) - {word})


def homoglyphs(word: str) -> list[str]:
    """Every word that looks the same with one letter of another alphabet, or a character that shows nothing."""
    found = {
        word[:place] + other + word[place + 1 :]
        for place, letter in enumerate(word)
        for other in LOOK_ALIKES.get(letter, "")[:1]
    }
    found |= {word[:place] + ZERO_WIDTH + word[place:] for place in range(1, len(word))}
    return sorted(found)


def _neighbours(letter: str) -> list[str]:
    """Letters on the keys beside it, in its own case."""
    for row in _KEYS:
        place = row.find(letter.lower())
        if place >= 0:
            beside = [row[other] for other in (place - 1, place + 1) if 0 <= other < len(row)]
            return [key.upper() if letter.isupper() else key for key in beside]
    return []


def _each(change: Callable[[str], list[str]]) -> Callable[[Words, int], list[Edit]]:
    return lambda words, place: [{place: changed} for changed in change(words.words[place])]


def _whole_words(words: Words, place: int) -> list[Edit]:
    word = words.words[place]
    edits: list[Edit] = [{place: ""}] if sum(map(bool, words.words)) > 1 else []
    if place + 1 < len(words.words) and words.words[place + 1]:
        after = words.words[place + 1]
        edits.append({place: word + after, place + 1: ""})
        edits += [{place: after, place + 1: word}] if word != after else []
    return edits + [{place: f"{word[:cut]} {word[cut:]}"} for cut in range(1, len(word))]


def _good_words(words: Words, place: int, good: Sequence[str]) -> list[Edit]:
    return [{place: f"{words.words[place]} {word}"} for word in good]


_EDITS: dict[str, Callable[[Words, int], list[Edit]]] = {
    "typos": _each(typos),
    "homoglyphs": _each(homoglyphs),
    "words": _whole_words,
}


def telling_words(texts: Sequence[str], labels: Sequence[int], classes: int, count: int) -> list[list[str]]:
    """For each class, the words that speak most against it: what an attacker inserts into a text of that class.

    Words are ranked by the log of their odds in texts of the other classes against texts of this one, each counted
    once a text, with one imagined text more on either side.

    Returns:
        ``count`` words a class, the most telling first.
    """
    there = [set(split(text.lower()).words) for text in texts]
    vocabulary = sorted({word for words in there for word in words if word.isalpha()})
    index = {word: number for number, word in enumerate(vocabulary)}
    counts = np.ones((classes, len(vocabulary)))
    for words, label in zip(there, labels, strict=True):
        counts[label, [index[word] for word in sorted(words) if word in index]] += 1
    sizes = np.bincount(np.asarray(labels, dtype=np.int64), minlength=classes) + 2.0
    found = []
    for label in range(classes):
        inside = counts[label] / sizes[label]
        outside = (counts.sum(axis=0) - counts[label]) / (sizes.sum() - sizes[label] or 1.0)
        order = np.argsort(-(np.log(outside) - np.log(inside)), kind="stable")[:count]
        found.append([vocabulary[number] for number in order])
    return found
