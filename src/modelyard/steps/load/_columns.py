"""Which columns of a table play a role: one, several by name, a range ``first..last``, or ``*`` for all others.

Knows the names in a table's header and no values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from modelyard.core.errors import InputError, suggestion

RANGE = ".."
OTHERS = "*"
"""All columns that no role names."""

Spec = str | list[str]
"""A column's name, a range of them, ``*``, or a list of these."""


def resolve(columns: Mapping[str, Spec], header: Sequence[str], file: str) -> dict[str, list[str]]:
    """Role → names of its columns: the one that is named, or all those of a list or range.

    Raises:
        InputError: a column is not there, or two have its name.
    """
    asked = {role: [spec] if isinstance(spec, str) else spec for role, spec in columns.items()}
    named = {role: [_expand(item, header, file) for item in specs if item != OTHERS] for role, specs in asked.items()}
    taken = {name for parts in named.values() for part in parts for name in part}
    others = [name for name in header if name not in taken]
    chosen = {}
    for role, spec in columns.items():
        rest = others if OTHERS in asked[role] else []
        chosen[role] = [*(name for part in named[role] for name in part), *rest]
        if not chosen[role] or len(set(chosen[role])) != len(chosen[role]):
            raise InputError(
                f"columns: {role}: {spec!r} names no column, or one twice",
                expected="different columns that no other role takes",
                where=file,
            )
    for name in dict.fromkeys(name for names in chosen.values() for name in names):
        if header.count(name) > 1:
            raise InputError(f"two columns are called {name!r}", fix="rename one of them", where=file)
    return chosen


def is_several(spec: Spec) -> bool:
    """Whether a role takes a list of values from each row rather than one value."""
    return not isinstance(spec, str) or RANGE in spec or spec == OTHERS


def _expand(spec: str, header: Sequence[str], file: str) -> list[str]:
    if spec in header:
        return [spec]
    first, is_range, last = spec.partition(RANGE)
    if not is_range:
        raise _missing(spec, header, file)
    for end in (first, last):
        if end not in header:
            raise _missing(end, header, file)
    start, stop = header.index(first), header.index(last)
    if stop < start:
        raise InputError(f"the range {spec!r} runs backwards", fix=f"write {last}{RANGE}{first}", where=file)
    return list(header[start : stop + 1])


def _missing(name: str, header: Sequence[str], file: str) -> InputError:
    expected = f"one of {', '.join(repr(column) for column in header[:30])}"
    return InputError(f"no column {name!r}", expected=expected, fix=suggestion(name, header), where=file)
