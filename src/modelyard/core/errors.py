"""Errors that a person can act on: what was wrong, what was expected, how to mend it.

Knows nothing of where an error is shown; the command line and the server render it.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class ModelyardError(Exception):
    """Something failed while work was under way (exit code 1).

    Args:
        what: what was wrong, with the offending value.
        expected: what would have been right.
        fix: how to mend it, as an instruction.
        where: file, line, row or column that the error is about.
    """

    exit_code = 1

    def __init__(self, what: str, *, expected: str = "", fix: str = "", where: str = "") -> None:
        self.what, self.expected, self.fix, self.where = what, expected, fix, where
        super().__init__(what)

    def __str__(self) -> str:
        lines = [f"{self.where}: {self.what}" if self.where else self.what]
        if self.expected:
            lines.append(f"  expected: {self.expected}")
        if self.fix:
            lines.append(f"  fix: {self.fix}")
        return "\n".join(lines)

    def to_json(self) -> dict[str, str]:
        """The same four parts for machines; empty ones are left out."""
        parts = {"error": self.what, "expected": self.expected, "fix": self.fix, "where": self.where}
        return {key: text for key, text in parts.items() if text}


class InputError(ModelyardError):
    """What the user handed in cannot be used; nothing ran (exit code 2)."""

    exit_code = 2


class IntegrityError(ModelyardError):
    """Stored bytes are not the bytes that were stored (``digest_mismatch``)."""


class MissingExtraError(ModelyardError):
    """An optional dependency is not installed."""

    exit_code = 2

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(
            f"{package} is not installed",
            expected=f"the optional dependencies of '{extra}'",
            fix=f"pip install 'modelyard[{extra}]'",
        )


def suggestion(word: str, known: Iterable[str]) -> str:
    """``did you mean 'x'?`` for a near miss, otherwise the sorted list of known names."""
    names = sorted(known)
    near = get_close_matches(word, names, n=1, cutoff=0.6)
    return f"did you mean '{near[0]}'?" if near else f"use one of: {', '.join(names)}"
