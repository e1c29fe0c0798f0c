"""Names of releases, aliases and references to versions: what is allowed and what it means.

A plain ``name`` means the version that the alias ``production`` points to, and the newest one
where nothing was promoted. Knows no database.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from modelyard.core.errors import InputError

PRODUCTION = "production"

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_ALLOWED = "1 to 64 of a-z, 0-9, '.', '_' and '-', a letter or digit first, no '..'"


@dataclass(frozen=True)
class Reference:
    """``name``, ``name@alias`` or ``name:3``."""

    name: str
    alias: str | None = None
    number: int | None = None

    @staticmethod
    def parse(text: str) -> Reference:
        """Read what a user wrote.

        Raises:
            InputError: it is of no such form.
        """
        name, mark, rest = _split(text)
        check_name("name", name)
        if mark == "@":
            return Reference(name, alias=check_name("alias", rest))
        if mark == ":":
            if not re.fullmatch(r"[1-9][0-9]{0,17}", rest):
                raise InputError(f"{text!r}: {rest!r} is not a version number", expected="NAME:3")
            return Reference(name, number=int(rest))
        return Reference(name)


def check_name(role: str, text: str) -> str:
    """The text itself, if it may name a release (or an alias, whatever ``role`` says).

    Raises:
        InputError: look-alike letters, path parts, control characters, too long or empty.
    """
    if not _NAME.fullmatch(text) or ".." in text:
        shown = text if len(text) <= 80 else text[:80] + "…"
        raise InputError(f"{shown!a} cannot be a {role}", expected=_ALLOWED)
    return text


def _split(text: str) -> tuple[str, str, str]:
    marks = [mark for mark in text if mark in "@:"]
    return text.partition(marks[0]) if marks else (text, "", "")
