"""Options that a recipe leaves open, and how they are closed.

``{search: [2, 4, 6]}`` or ``{search: {low: 1e-5, high: 1e-3, scale: log}}`` stands for the value of a step's option; as
an entry of ``steps``, ``search: [null, prune layers, {prune neurons: {keep: 0.5}}]`` stands for one of several steps,
or for none. Searches nest. Knows the form of a recipe, no step and no way to search.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from modelyard.formats.document import Document, Place
from modelyard.recipes.problems import Problems

SEARCH = "search"
AUTO = "auto"
SCALES = ("linear", "log")
_EXPECTED = "a list of values such as [2, 4, 6], or {low: 1e-5, high: 1e-3, scale: log}"


@dataclass(frozen=True)
class Numbers:
    """Any number from ``low`` to ``high``, whole ones where both are whole."""

    low: float
    high: float
    log: bool = False

    @property
    def whole(self) -> bool:
        return isinstance(self.low, int) and isinstance(self.high, int)


Alternatives = Sequence[Any] | Numbers
Pick = Callable[[str, Alternatives], Any]
"""Chooses for one open option, given its name and its alternatives: the position in a list, or a number."""


def find_open(document: Document) -> list[Place]:
    """Where a document leaves something open, in its order."""
    return list(_find(document.value, ()))


def _find(value: Any, place: Place) -> Iterator[Place]:
    if is_search(value) or (value == AUTO and len(place) == 2 and place[0] == "steps"):
        yield place
    if isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _find(item, (*place, key))


def is_search(value: Any) -> bool:
    return isinstance(value, dict) and list(value) == [SEARCH]


def alternatives(value: Mapping[str, Any]) -> Alternatives:
    """What a well-formed ``{search: …}`` admits."""
    found = value[SEARCH]
    return found if isinstance(found, list) else Numbers(found["low"], found["high"], found.get("scale") == "log")


def check_open(document: Document, problems: Problems) -> None:
    """Note every search that stands in a wrong place or has the wrong form."""
    for place in find_open(document):
        value = _at(document.value, place)
        if place[:1] != ("steps",) or len(place) < 2:
            what = (
                f"nothing can be left open under {place[0]!r}" if place else "a recipe cannot be left open as a whole"
            )
            problems.add(place, what, expected="search stands for a step, or for the value of a step's option")
        elif value != AUTO:
            _check_form(value[SEARCH], (*place, SEARCH), problems)


def _check_form(value: Any, place: Place, problems: Problems) -> None:
    if isinstance(value, list):
        if not value:
            problems.add(place, "search: the list is empty", expected=_EXPECTED)
        if any(item in value[:number] for number, item in enumerate(value)):
            problems.add(place, "search: a value stands there twice", expected="each value once")
        return
    if not isinstance(value, dict) or not {"low", "high"} <= set(value) <= {"low", "high", "scale"}:
        problems.add(place, f"search: {value!r}", expected=_EXPECTED)
        return
    low, high, scale = value["low"], value["high"], value.get("scale", "linear")
    if not (_is_number(low) and _is_number(high) and low < high):
        problems.add(place, f"search: low {low!r}, high {high!r}", expected="two numbers, low below high")
    elif scale not in SCALES:
        problems.add((*place, "scale"), f"scale: {scale!r}", expected=" or ".join(SCALES))
    elif scale == "log" and low <= 0:
        problems.add((*place, "low"), f"low: {low!r}", expected="more than 0 on a logarithmic scale")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _at(value: Any, place: Place) -> Any:
    for key in place:
        value = value[key]
    return value


@dataclass
class Closing:
    """Closes every open option of a checked document, and remembers what was chosen.

    Attributes:
        pick: chooses; asked in the order of the recipe, and only for what stands in a step that was chosen.
        chosen: steps that were chosen, and of the others those options that were.
        lines: line of each place of the closed value, in the recipe as it was written.
    """

    document: Document
    pick: Pick
    chosen: list[Any] = field(default_factory=list)
    lines: dict[Place, int] = field(default_factory=dict)

    def close(self) -> dict[str, Any]:
        """The recipe's value with nothing open in it."""
        closed: dict[str, Any] = {}
        for key, value in self.document.value.items():
            self.lines[(key,)] = self.document.line((key,))
            closed[key] = self._steps(value) if key == "steps" else self._value(value, (key,), (key,), key)
        return closed

    def _steps(self, entries: Sequence[Any]) -> list[Any]:
        closed: list[Any] = []
        for number, entry in enumerate(entries):
            source: Place = ("steps", number)
            picked, place, name = self._picked(entry, source, f"steps.{number}")
            if picked is None:
                continue
            step = self._value(picked, place, ("steps", len(closed)), name)
            if is_search(entry):
                self.chosen.append(step)
            elif opened := [found[1] for found in _find(entry, ())]:
                ((name, options),) = step.items()
                self.chosen.append({name: {key: options[key] for key in dict.fromkeys(opened)}})
            closed.append(step)
        return closed

    def _value(self, value: Any, source: Place, target: Place, name: str) -> Any:
        value, source, name = self._picked(value, source, name)
        self.lines[target] = self.document.line(source)
        if isinstance(value, dict):
            return {
                key: self._value(item, (*source, key), (*target, key), f"{name}.{key}") for key, item in value.items()
            }
        if isinstance(value, list):
            return [
                self._value(item, (*source, number), (*target, number), f"{name}.{number}")
                for number, item in enumerate(value)
            ]
        return value

    def _picked(self, value: Any, source: Place, name: str) -> tuple[Any, Place, str]:
        while is_search(value):
            offered = alternatives(value)
            choice = self.pick(name, offered)
            if isinstance(offered, Numbers):
                return choice, (*source, SEARCH), name
            value, source, name = offered[choice], (*source, SEARCH, choice), f"{name}.{choice}"
        return value, source, name


def around_first(document: Document) -> Iterator[dict[str, int]]:
    """The first alternative everywhere; then the second of one open option at a time, and the first of the others.

    As name → position; options whose number is free are left out.
    """
    first = _positions(document, {})
    yield {name: 0 for name, _ in first}
    for name, number in first:
        if number > 1:
            yield {other: int(other == name) for other, _ in _positions(document, {name: 1})}


def _positions(document: Document, fixed: Mapping[str, int]) -> list[tuple[str, int]]:
    """Name and number of alternatives of each listed option that is asked for, first values but for those fixed."""
    asked: list[tuple[str, int]] = []

    def pick(name: str, offered: Alternatives) -> Any:
        if isinstance(offered, Numbers):
            return offered.low
        asked.append((name, len(offered)))
        return fixed.get(name, 0)

    Closing(document, pick).close()
    return asked


def enumerate_closings(document: Document) -> Iterator[dict[str, int]]:
    """Every way to choose among listed values, as name → position, first values first.

    Raises:
        OverflowError: a number is free, so that there is no end of ways.
    """
    prefix: list[int] = []
    while True:
        asked = _follow(document, prefix)
        yield {name: position for name, position, _ in asked}
        while asked and asked[-1][1] + 1 == asked[-1][2]:
            asked.pop()
        if not asked:
            return
        prefix = [position for _, position, _ in asked[:-1]] + [asked[-1][1] + 1]


def _follow(document: Document, prefix: Sequence[int]) -> list[tuple[str, int, int]]:
    """Name, position and number of alternatives of each open option, first values after the ``prefix``."""
    asked: list[tuple[str, int, int]] = []

    def pick(name: str, offered: Alternatives) -> int:
        if isinstance(offered, Numbers):
            raise OverflowError("a number is free")
        position = prefix[len(asked)] if len(asked) < len(prefix) else 0
        asked.append((name, position, len(offered)))
        return position

    Closing(document, pick).close()
    return asked
