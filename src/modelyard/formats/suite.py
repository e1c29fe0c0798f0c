"""Behavioural suites: cases that a model must pass, read from YAML and checked whole before one of them runs.

After CheckList (Ribeiro et al., 2020): minimum functions, invariance and directional expectations; with abnormal
input and latency beside them. Knows no model: what a case says of classes and columns is checked where it runs.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Annotated, Any, Literal

from modelyard.core.errors import InputError, suggestion
from modelyard.core.options import Between, check
from modelyard.formats.document import Document, parse

SUFFIX = ".suite.yaml"
VERSION = 1
MOST_ROWS = 1000
"""Rows that the placeholders of one case may stand for."""

Outcome = Literal["answered", "refused", "either"]
_PLACEHOLDER = re.compile(r"\{([A-Za-z_]\w*)\}")
_DEMANDS = ("expect", "contains", "same", "rises", "falls", "outcome", "at_most_ms")
_KEYS = ("suite", "model", "generated", "cases")


@dataclass(frozen=True)
class Case:
    """Rows, and the one thing that must hold for the answers to them.

    Attributes:
        name: what is tested, in words.
        row: one row by role; ``{word}`` in its texts stands for each value of ``fill``.
        rows: several rows, in place of ``row``.
        fill: values by placeholder; every combination is a row.
        becomes: the same row, changed: what ``same``, ``rises`` and ``falls`` compare with.
        expect: minimum function: the class, or the number within ``tolerance``.
        contains: minimum function of a text: words that stand in it.
        same: invariance: the answers are the same; those of all rows, where there is no ``becomes``.
        rises: direction: the score of this class (``value`` of a number) is not lower after the change.
        falls: the same, not higher.
        outcome: abnormal input: it must be answered, refused with a reason, or either; never break the model.
        at_most_ms: latency: 95% of the rows, one at a time, are answered within this time.
        tolerance: how far a score or number may be off.
    """

    name: str
    row: Mapping[str, Any] | None = None
    rows: Sequence[Mapping[str, Any]] | None = None
    fill: Mapping[str, Sequence[str]] = field(default_factory=dict)
    becomes: Mapping[str, Any] | None = None
    expect: str | int | float | None = None
    contains: str | None = None
    same: bool | None = None
    rises: str | None = None
    falls: str | None = None
    outcome: Outcome | None = None
    at_most_ms: Annotated[float, Between(0.001)] | None = None
    tolerance: Annotated[float, Between(0)] | None = None

    def __post_init__(self) -> None:
        demands = [key for key in _DEMANDS if getattr(self, key) is not None]
        if len(demands) != 1:
            raise InputError(
                f"{self.name!r} says {len(demands)} things that must hold", expected=f"one of {', '.join(_DEMANDS)}"
            )
        if (self.row is None) == (self.rows is None) or self.rows == []:
            raise InputError(f"{self.name!r} has no rows, or two kinds of them", expected="row: {…}, or rows: [{…}, …]")
        if demands[0] != "same" and (self.becomes is not None) != (demands[0] in ("rises", "falls")):
            raise InputError(
                f"{self.name!r}: 'becomes' goes with rises and falls, and may go with same",
                expected="row: {…}, becomes: {…}, rises: CLASS",
            )
        if self.same is False:
            raise InputError(f"{self.name!r}: same: false", fix="leave it out, or say what must hold: rises, falls")
        list(self.pairs())

    @property
    def kind(self) -> str:
        """What it tests: ``minimum function``, ``invariance``, ``direction``, ``abnormal input`` or ``latency``."""
        names = {"minimum function": ("expect", "contains"), "invariance": ("same",), "direction": ("rises", "falls")}
        names |= {"abnormal input": ("outcome",), "latency": ("at_most_ms",)}
        return next(kind for kind, keys in names.items() if any(getattr(self, key) is not None for key in keys))

    def pairs(self) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any] | None]]:
        """Each row with the placeholders filled, and the row that it becomes.

        Raises:
            InputError: a placeholder without values, values without a placeholder, or too many rows.
        """
        templates = [self.row] if self.row is not None else list(self.rows or ())
        texts = (*templates, self.becomes or {}) if self.fill else ()
        wanted = {word for row in texts for word in _placeholders(row)}
        for word in [*sorted(wanted - set(self.fill)), *sorted(set(self.fill) - wanted)]:
            what = "stands in no row" if word in self.fill else "has no values under 'fill'"
            others = (wanted | set(self.fill)) - {word}
            raise InputError(f"{self.name!r}: {{{word}}} {what}", fix=suggestion(word, others))
        words = sorted(self.fill)
        count = len(templates)
        for word in words:
            count *= len(self.fill[word])
        if not 1 <= count <= MOST_ROWS:
            raise InputError(f"{self.name!r} stands for {count} rows", expected=f"from 1 to {MOST_ROWS}")
        for row in templates:
            for values in itertools.product(*(self.fill[word] for word in words)):
                filling = dict(zip(words, values, strict=True))
                yield _filled(row, filling), None if self.becomes is None else _filled(self.becomes, filling)


@dataclass(frozen=True)
class Suite:
    """The cases of one file.

    Attributes:
        model: the model that it is meant for, as users type it; empty where the caller says it.
        generated: whether the abnormal inputs that modelyard makes for the task are cases too.
        folder: where its images lie.
    """

    cases: tuple[Case, ...]
    model: str = ""
    generated: bool = False
    folder: Path = Path()


def read(path: Path) -> Suite:
    """Read and check a suite, or a folder of them whose names end in ``.suite.yaml``.

    Raises:
        InputError: anything that a suite may not say, with its line.
    """
    if path.is_dir():
        found = [read(file) for file in sorted(path.glob(f"*{SUFFIX}"))]
        if not found:
            raise InputError("no suite in the folder", expected=f"files called *{SUFFIX}", where=str(path))
        cases = tuple(case for suite in found for case in suite.cases)
        return Suite(cases, generated=any(suite.generated for suite in found), folder=path)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"the suite cannot be read: {type(error).__name__}", where=str(path)) from None
    document = parse(text, path.name)
    body = _body(document)
    cases = tuple(_case(document, index, item) for index, item in enumerate(body.get("cases") or []))
    names = [case.name for case in cases]
    for index, name in enumerate(names):
        if name in names[:index]:
            raise InputError(
                f"two cases are called {name!r}", expected="a name for each", where=document.where(("cases", index))
            )
    generated = check(bool, body.get("generated", False), "generated")
    if not cases and not generated:
        raise InputError("the suite has no cases", expected="cases: […], or generated: true", where=document.name)
    model = body.get("model") or ""
    return Suite(cases, check(str, model, "model"), generated, path.parent)


def _body(document: Document) -> Mapping[str, Any]:
    body = document.value
    if not isinstance(body, dict):
        raise InputError("the suite is not a mapping", expected="suite: 1, cases: […]", where=document.name)
    for key in body:
        if key not in _KEYS:
            raise InputError(f"unknown key {key!r}", fix=suggestion(key, _KEYS), where=document.where((key,)))
    if body.get("suite") != VERSION:
        raise InputError(
            f"suite: {body.get('suite')!r}",
            expected=f"suite: {VERSION}, the version of the format",
            where=document.name,
        )
    if not isinstance(body.get("cases") or [], list):
        raise InputError("cases is not a list", expected="cases: [{…}, …]", where=document.where(("cases",)))
    return body


def _case(document: Document, index: int, item: Any) -> Case:
    place = ("cases", index)
    if isinstance(item, dict):
        known = [entry.name for entry in fields(Case)]
        for key in item:
            if key not in known:
                raise InputError(
                    f"unknown key {key!r}", fix=suggestion(key, known), where=document.where((*place, key))
                )
    try:
        made: Case = check(Case, item, f"case {index + 1}")
    except InputError as error:
        error.where = document.where(place)
        raise
    return made


def _placeholders(value: Any) -> set[str]:
    if isinstance(value, str):
        return set(_PLACEHOLDER.findall(value))
    if isinstance(value, Mapping):
        return {word for item in value.values() for word in _placeholders(item)}
    return set()


def _filled(row: Any, filling: Mapping[str, str]) -> Any:
    if isinstance(row, str) and filling:
        return _PLACEHOLDER.sub(lambda match: filling[match[1]], row)
    if isinstance(row, Mapping):
        return {key: _filled(value, filling) for key, value in row.items()}
    return row
