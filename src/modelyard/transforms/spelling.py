"""The transform ``spelling``: unknown words in texts become the known ones that they are a slip away from.

Knows no table; a row is a mapping.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from modelyard.core.transform import Row
from modelyard.methods.spelling_correction import Speller


class Spelling:
    """Corrects texts as :mod:`modelyard.methods.spelling_correction` does.

    Args:
        roles: the texts to correct; a row that lacks one, or holds None there, stays as it is.
        known: words in small letters → how often they occur.
    """

    def __init__(self, *, roles: Sequence[str], known: Mapping[str, int]) -> None:
        self.roles, self._speller = tuple(roles), Speller(known)

    def apply(self, rows: Sequence[Row]) -> list[Row]:
        return [
            {
                **row,
                **{role: self._speller.correct(row[role]) for role in self.roles if isinstance(row.get(role), str)},
            }
            for row in rows
        ]


TRANSFORM = Spelling
