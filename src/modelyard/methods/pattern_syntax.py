"""The syntax of patterns over text, read into a tree. ``linear_pattern`` finds what it describes.

Literals, ``.`` (any but a newline), ``[a-z]``, ``[^a-z]``, ``\\d \\w \\s`` and ``\\D \\W \\S`` (of Unicode), ``\\n``,
``\\t``, ``^`` and ``$`` (the ends of the text), ``\\b``, ``|``, ``( )``, ``* + ?`` and ``{2,5}``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from modelyard.core.errors import InputError

MAX_LENGTH = 500
MAX_DEPTH = 20

Test = Callable[[str], bool]


@dataclass(frozen=True)
class One:
    """A character that passes the test."""

    test: Test


@dataclass(frozen=True)
class Place:
    """A place in the text: its ``start``, its ``end``, or the ``edge`` of a word."""

    kind: str


@dataclass(frozen=True)
class Sequence:
    """One part after the other."""

    parts: tuple[Tree, ...]


@dataclass(frozen=True)
class Either:
    """Any of the branches."""

    branches: tuple[Tree, ...]


@dataclass(frozen=True)
class Repeat:
    """A part ``least`` to ``most`` times; None for any number."""

    part: Tree
    least: int
    most: int | None


Tree = One | Place | Sequence | Either | Repeat


def is_word(character: str) -> bool:
    """Whether a character belongs to a word."""
    return character.isalnum() or character == "_"


_CLASSES: dict[str, Test] = {
    "d": str.isdecimal,
    "w": is_word,
    "s": str.isspace,
    "D": lambda character: not character.isdecimal(),
    "W": lambda character: not is_word(character),
    "S": lambda character: not character.isspace(),
}
_CONTROL = {"n": "\n", "t": "\t"}
_TIMES: dict[str, tuple[int, int | None]] = {"*": (0, None), "+": (1, None), "?": (0, 1)}


def parse(text: str) -> Tree:
    """The tree of a pattern.

    Raises:
        InputError: it is not of this syntax, too long or nested too deep; names the place.
    """
    if len(text) > MAX_LENGTH:
        raise InputError(f"a pattern of {len(text)} characters", expected=f"at most {MAX_LENGTH}")
    return _Parser(text).parse()


class _Parser:
    """Recursive descent."""

    def __init__(self, text: str) -> None:
        self._text, self._place, self._depth = text, 0, 0

    def parse(self) -> Tree:
        tree = self._either()
        if self._place < len(self._text):
            raise self._refuse("a ')' without its '('", self._place)
        return tree

    def _peek(self) -> str:
        return self._text[self._place : self._place + 1]

    def _take(self) -> str:
        character = self._peek()
        self._place += 1
        return character

    def _either(self) -> Tree:
        branches = [self._sequence()]
        while self._peek() == "|":
            self._take()
            branches.append(self._sequence())
        return branches[0] if len(branches) == 1 else Either(tuple(branches))

    def _sequence(self) -> Tree:
        parts = []
        while self._peek() not in ("", "|", ")"):
            parts.append(self._repeated())
        return Sequence(tuple(parts))

    def _repeated(self) -> Tree:
        part = self._single()
        if self._peek() not in ("*", "+", "?", "{"):
            return part
        part = Repeat(part, *self._times())
        if self._peek() in ("*", "+", "?", "{"):
            raise self._refuse("two repetitions in a row", self._place, "one, or a group: (a+)*")
        return part

    def _times(self) -> tuple[int, int | None]:
        place, mark = self._place, self._take()
        if mark in _TIMES:
            return _TIMES[mark]
        end = self._text.find("}", self._place)
        words = self._text[self._place : end].split(",") if end >= 0 else []
        self._place = end + 1
        numbers = [int(word) if word.isascii() and word.isdecimal() and len(word) < 5 else None for word in words]
        open_end = len(words) == 2 and not words[1]
        if len(words) not in (1, 2) or numbers[0] is None or (numbers[-1] is None and not open_end):
            raise self._refuse("a '{' without numbers", place, "{3}, {3,} or {3,5}; \\{ for the character")
        least, most = numbers[0], numbers[-1]
        if most is not None and most < least:
            raise self._refuse(f"{{{least},{most}}}", place, "the smaller number first")
        return least, most

    def _single(self) -> Tree:
        place, character = self._place, self._take()
        if character == "(":
            return self._group(place)
        if character == "[":
            return One(self._class(place))
        if character == ".":
            return One(lambda found: found != "\n")
        if character in "^$":
            return Place("start" if character == "^" else "end")
        if character == "\\":
            escaped = self._take()
            return Place("edge") if escaped == "b" else One(self._escape(escaped, place))
        if character in "*+?{":
            raise self._refuse(f"{character!r} with nothing before it to repeat", place, f"\\{character}")
        if character in "]}":
            raise self._refuse(f"{character!r} closes nothing", place, f"\\{character}")
        return One(lambda found: found == character)

    def _group(self, place: int) -> Tree:
        if self._peek() == "?":
            raise self._refuse("a group with '(?'", place, "plain groups ( ): nothing is captured or looked ahead")
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self._refuse(f"groups deeper than {MAX_DEPTH}", place)
        tree = self._either()
        if self._take() != ")":
            raise self._refuse("a '(' without its ')'", place)
        self._depth -= 1
        return tree

    def _escape(self, character: str, place: int) -> Test:
        if character in _CLASSES:
            return _CLASSES[character]
        if not character or (character.isalnum() and character not in _CONTROL):
            known = "\\d \\w \\s \\D \\W \\S \\b \\n \\t, or a backslash before a sign"
            raise self._refuse(f"'\\{character}'", place, known)
        plain = _CONTROL.get(character, character)
        return lambda found: found == plain

    def _class(self, place: int) -> Test:
        negated = self._peek() == "^"
        self._place += negated
        tests: list[Test] = []
        while self._peek() != "]" or not tests:
            if not self._peek():
                raise self._refuse("a '[' without its ']'", place)
            tests.append(self._class_item())
        self._take()
        return lambda found: any(test(found) for test in tests) != negated

    def _class_item(self) -> Test:
        place, low = self._place, self._take()
        if low == "\\":
            return self._escape(self._take(), place)
        if self._peek() != "-" or self._text[self._place + 1 : self._place + 2] in ("", "]"):
            return lambda found: found == low
        self._take()
        high = self._take()
        if high == "\\" or high < low:
            raise self._refuse(f"the range '{low}-{high}'", place, "the smaller character first, no escapes")
        return lambda found: low <= found <= high

    def _refuse(self, what: str, place: int, expected: str = "") -> InputError:
        shown = self._text if len(self._text) <= 60 else self._text[:60] + "…"
        return InputError(f"{what}, at character {place + 1} of the pattern {shown!r}", expected=expected)
