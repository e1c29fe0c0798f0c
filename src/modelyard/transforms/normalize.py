"""The transform ``normalize``: look-alike, wide and invisible characters in texts become plain ones.

Knows no table; a row is a mapping.
"""

from __future__ import annotations

from collections.abc import Sequence

from modelyard.core.transform import Row
from modelyard.methods.unicode_folding import fold


class Normalize:
    """Folds texts as :mod:`modelyard.methods.unicode_folding` does.

    Args:
        roles: the texts to fold; a row that lacks one, or holds None there, stays as it is.
    """

    def __init__(self, *, roles: Sequence[str]) -> None:
        self.roles = tuple(roles)

    def apply(self, rows: Sequence[Row]) -> list[Row]:
        return [
            {**row, **{role: fold(row[role]) for role in self.roles if isinstance(row.get(role), str)}} for row in rows
        ]


TRANSFORM = Normalize
