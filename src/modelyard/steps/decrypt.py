"""``decrypt``: columns that ``encrypt`` made unreadable become what they were. Knows no cipher."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from modelyard.core.dataset import ROW_ID, Dataset
from modelyard.core.errors import InputError
from modelyard.core.field_cipher import FieldCipher
from modelyard.core.secret_keys import secret_key
from modelyard.core.step import step
from modelyard.formats.columns import Column, changeable


@step
def decrypt(data: Dataset, *, out: Path, columns: Sequence[str], key: str) -> Dataset:
    """Decrypt columns that encrypt made.

    A field that was altered, moved to another column or encrypted with another key is refused, and nothing is
    written. Needs the extra encryption.

    Args:
        data: with the columns.
        columns: what to decrypt: roles or features.
        key: id of the secret key that they were encrypted with.

    Raises:
        InputError: a column that the data do not have, a key that is not here, or a field that does not decrypt; names
            split, row and column.
    """
    cipher = FieldCipher(secret_key(key))
    if not columns:
        raise InputError("decrypt: no column is named", expected="columns: [NAME]")
    chosen = [changeable(data, name, "decrypt") for name in sorted(set(columns))]
    tables = data.tables()
    for column in chosen:
        plain = {split: _decrypted(column, split, table, cipher) for split, table in tables.items()}
        kind = _arrow_type([value for values in plain.values() for value in values])
        for split, values in plain.items():
            tables[split] = column.replace(tables[split], _array(values, kind))
    return data.rewrite(out, tables)


def _decrypted(column: Column, split: str, table: Any, cipher: FieldCipher) -> list[Any]:
    values = []
    for row, field in zip(table.column(ROW_ID).to_pylist(), column.values(table), strict=True):
        try:
            values.append(None if field is None else cipher.decrypt(str(field), column.name))
        except InputError as error:
            error.where = f"column {column.name!r}, row {row} of {split}"
            raise
    return values


def _arrow_type(values: Sequence[Any]) -> Any:
    """One type for all splits: text, whole numbers, or numbers."""
    import pyarrow as pa

    kinds = {type(value) for value in values if value is not None}
    return pa.int64() if kinds == {int} else pa.float64() if kinds and kinds <= {int, float} else pa.string()


def _array(values: Sequence[Any], kind: Any) -> Any:
    import pyarrow as pa

    return pa.array(values, kind)
