"""The transform ``mask``: personal data in texts and columns are replaced, in training and serving alike.

Knows no table; a row is a mapping. Keys stay outside: the options name a key by its id, and whoever runs the model
brings its file (:mod:`modelyard.core.secret_keys`). A model for named entities comes as the transform's files.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from modelyard.core.secret_keys import secret_key
from modelyard.core.transform import Row
from modelyard.formats.entity_models import open_entity_model
from modelyard.methods import generalising, pseudonyms
from modelyard.methods.column_masks import ColumnMask, mask_number, mask_text
from modelyard.methods.personal_data import Found, PersonalKind, beside, find, replace
from modelyard.methods.personal_shapes import MARKS

FEATURES = "features"


class Mask:
    """Replaces what :mod:`modelyard.methods.personal_data` and a model find, and the values of whole columns.

    Args:
        kinds: what to look for in texts.
        files: folder of the model (:mod:`modelyard.formats.entity_models`), where some of the kinds need one.
        roles: where to look: texts, or ``features`` for every text among them; a row that lacks one, or holds None
            there, stays as it is.
        strategy: what stands in for what was found: redact, hash, surrogate or generalise.
        allow: texts that stay, in whatever case.
        key: id of the secret key that hash, surrogate and noise need.
        columns: a feature or a role → :class:`ColumnMask` as JSON values.
    """

    def __init__(
        self,
        *,
        kinds: Sequence[PersonalKind] = (),
        files: Path | None = None,
        roles: Sequence[str] = (),
        strategy: str = "redact",
        allow: Sequence[str] = (),
        key: str | None = None,
        columns: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        self.kinds, self.roles, self.strategy = frozenset(kinds), tuple(roles), strategy
        self.model = open_entity_model(files) if files else None
        self.allow = frozenset(text.strip().casefold() for text in allow)
        self.key = secret_key(key).derive("mask") if key else b""
        self.columns = {name: ColumnMask(**how) for name, how in (columns or {}).items()}

    def apply(self, rows: Sequence[Row]) -> list[Row]:
        found = self._entities(rows)
        return [self._masked(row, found) for row in rows]

    def _entities(self, rows: Sequence[Row]) -> Mapping[str, Sequence[Found]]:
        """What the model finds in each text, asked for all at once."""
        if self.model is None:
            return {}
        texts = [text for row in rows for role in self.roles for text in _texts(row.get(role))]
        found = self.model.find(texts)
        return {
            text: [item for item in items if item.kind in self.kinds] for text, items in zip(texts, found, strict=True)
        }

    def _masked(self, row: Row, found: Mapping[str, Sequence[Found]]) -> Row:
        changed = {role: self._searched(row[role], found) for role in self.roles if row.get(role) is not None}
        features = changed.get(FEATURES, row.get(FEATURES))
        if isinstance(features, Mapping):
            changed[FEATURES] = self._columns_masked(features)
        return {**row, **changed, **self._columns_masked({name: row[name] for name in self.columns if name in row})}

    def _searched(self, value: Any, found: Mapping[str, Sequence[Found]]) -> Any:
        if isinstance(value, Mapping):
            return {name: self._searched(cell, found) for name, cell in value.items()}
        if not isinstance(value, str):
            return value
        return replace(value, beside(value, find(value, self.kinds), found.get(value, ())), self._instead)

    def _columns_masked(self, values: Mapping[str, Any]) -> dict[str, Any]:
        whole = json.dumps(values, sort_keys=True, default=str) if self.columns else ""
        return {name: self._column(name, value, whole) for name, value in values.items()}

    def _column(self, name: str, value: Any, row: str) -> Any:
        how = self.columns.get(name)
        if how is None or value is None:
            return value
        if isinstance(value, str):
            return mask_text(value, name, how, self.key, self.allow)
        return mask_number(float(value), name, how, self.key, row)

    def _instead(self, kind: PersonalKind, found: str) -> str:
        if found.casefold() in self.allow:
            return found
        if self.strategy == "hash":
            return pseudonyms.mark(self.key, kind, found)
        if self.strategy == "surrogate":
            return pseudonyms.surrogate(self.key, kind, found)
        return generalising.found(kind, found) if self.strategy == "generalise" else MARKS[kind]


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for cell in value.values():
            yield from _texts(cell)
    elif isinstance(value, str):
        yield value


TRANSFORM = Mask
