"""The transform ``mask``: personal data in texts is replaced by marks, in training and serving alike.

Knows no table; a row is a mapping.
"""

from __future__ import annotations

from collections.abc import Sequence

from modelyard.core.transform import Row
from modelyard.methods import personal_data


class Mask:
    """Replaces what :mod:`modelyard.methods.personal_data` finds.

    Args:
        kinds: what to look for.
        roles: the texts to look in; a row that lacks one, or holds None there, stays as it is.
    """

    def __init__(self, *, kinds: Sequence[personal_data.Kind], roles: Sequence[str]) -> None:
        self.kinds, self.roles = frozenset(kinds), tuple(roles)

    def apply(self, rows: Sequence[Row]) -> list[Row]:
        return [self._masked(row) for row in rows]

    def _masked(self, row: Row) -> Row:
        texts = {role: row[role] for role in self.roles if isinstance(row.get(role), str)}
        return {**row, **{role: personal_data.mask(text, self.kinds) for role, text in texts.items()}}


TRANSFORM = Mask
