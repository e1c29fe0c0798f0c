"""Finds patterns in linear time: no backtracking, no capture, no pattern that a text can make slow.

A pattern becomes a nondeterministic automaton (Thompson, CACM 11(6), 1968), of which the deterministic states that a
text leads through are built as they are met and kept (Cox, "Regular Expression Matching Can Be Simple And Fast",
2007). One character costs at most a look at every state. Written here rather than taken from RE2, so that a rule
means the same on every machine that serves it, without another binary to install.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

from modelyard.core.errors import InputError
from modelyard.methods.pattern_syntax import Either, One, Place, Repeat, Sequence, Test, Tree, is_word, parse

MAX_STATES = 1000
MAX_KEPT = 500
"""Deterministic states that are kept, and ways on from each; then they are forgotten and built anew."""

_Here = tuple[frozenset[int], str]
"""States before a character, and whether the one before it was of a word (``w``), not (``-``), or none was there."""

_UNKNOWN: _Here = (frozenset(), "?")


class Pattern:
    """A pattern, ready to be looked for, by several threads at once.

    Attributes:
        looks: states that were looked at so far; one text adds at most its length, plus one, times the states.

    Raises:
        InputError: the pattern is not of the syntax, or too large.
    """

    def __init__(self, text: str) -> None:
        self.text, self.looks = text, 0
        automaton = _Automaton()
        self._start, self._accept = automaton.add(parse(text))
        self._states = automaton.states
        self._kept: dict[_Here, dict[str, _Here | None]] = {}

    @property
    def states(self) -> int:
        """How many states the automaton has."""
        return len(self._states)

    def found_in(self, text: str) -> bool:
        """Whether some part of the text matches."""
        here: _Here = (frozenset((self._start,)), "")
        for character in text:
            known = self._known(here)
            after = known.get(character, _UNKNOWN)
            if after is _UNKNOWN:
                if len(known) >= MAX_KEPT:
                    known.clear()
                after = known[character] = self._step(here, character)
            if after is None:
                return True
            here = after
        return self._accept in self._reach(here, "")

    def _known(self, here: _Here) -> dict[str, _Here | None]:
        known = self._kept.get(here)
        if known is None:
            if len(self._kept) >= MAX_KEPT:
                self._kept.clear()
            known = self._kept[here] = {}
        return known

    def _step(self, here: _Here, character: str) -> _Here | None:
        """Where a character leads to; None where the pattern has matched before it."""
        reached = self._reach(here, character)
        if self._accept in reached:
            return None
        after = {self._start}
        for number in reached:
            state = self._states[number]
            if state.test is not None and state.test(character):
                after.update(state.to)
        return frozenset(after), "w" if is_word(character) else "-"

    def _reach(self, here: _Here, character: str) -> set[int]:
        """All states that are reached before the next character; none is the end of the text."""
        states, before = here
        holds = {
            "": True,
            "start": before == "",
            "end": character == "",
            "edge": (before == "w") != is_word(character),
        }
        reached, waiting = set(states), list(states)
        while waiting:
            state = self._states[waiting.pop()]
            self.looks += 1
            if state.test is None and holds[state.place]:
                fresh = [number for number in state.to if number not in reached]
                reached.update(fresh)
                waiting += fresh
        return reached


@dataclass
class _State:
    """Goes on by a character that passes ``test``; without one by nothing, where ``place`` holds."""

    test: Test | None
    place: str
    to: tuple[int, ...] = ()


class _Automaton:
    """States that grow with each part that is added; a part is its first and its last state."""

    def __init__(self) -> None:
        self.states: list[_State] = []

    def add(self, tree: Tree) -> tuple[int, int]:
        match tree:
            case One(test):
                return self._arrow(test, "")
            case Place(kind):
                return self._arrow(None, kind)
            case Sequence(parts):
                return self._chain(parts)
            case Either(branches):
                return self._fork(branches)
            case Repeat(part, least, most):
                return self._repeat(part, least, most)
            case _:
                assert_never(tree)

    def _new(self, test: Test | None = None, place: str = "") -> int:
        if len(self.states) >= MAX_STATES:
            raise InputError(
                "the pattern is too large",
                expected=f"at most {MAX_STATES} states; what is repeated counts as often",
                fix="repeat less, or write several rules",
            )
        self.states.append(_State(test, place))
        return len(self.states) - 1

    def _link(self, source: int, target: int) -> None:
        self.states[source].to += (target,)

    def _arrow(self, test: Test | None, place: str) -> tuple[int, int]:
        first, last = self._new(test, place), self._new()
        self._link(first, last)
        return first, last

    def _chain(self, parts: tuple[Tree, ...]) -> tuple[int, int]:
        first = last = self._new()
        for part in parts:
            begin, end = self.add(part)
            self._link(last, begin)
            last = end
        return first, last

    def _fork(self, branches: tuple[Tree, ...]) -> tuple[int, int]:
        first, last = self._new(), self._new()
        for branch in branches:
            begin, end = self.add(branch)
            self._link(first, begin)
            self._link(end, last)
        return first, last

    def _repeat(self, part: Tree, least: int, most: int | None) -> tuple[int, int]:
        first, last = self._chain((part,) * least)
        done = self._new()
        self._link(last, done)
        if most is None:
            begin, end = self.add(part)
            self._link(done, begin)
            self._link(end, done)
            return first, done
        for _ in range(most - least):
            begin, end = self.add(part)
            self._link(last, begin)
            self._link(end, done)
            last = end
        return first, done
