"""``encrypt``: columns of a table become unreadable to whoever lacks the key. Knows no cipher."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from modelyard.core.dataset import ROW_ID, Dataset
from modelyard.core.errors import InputError
from modelyard.core.field_cipher import FieldCipher
from modelyard.core.secret_keys import secret_key
from modelyard.core.step import step
from modelyard.formats.columns import changeable


@step
def encrypt(data: Dataset, *, out: Path, columns: Sequence[str], key: str) -> Dataset:
    """Encrypt columns with AES-256-GCM; decrypt gives them back.

    Every field is encrypted by itself, with the column's name as associated data, in every split. Gaps stay gaps.
    Equal values do not look alike. The data hold the key's id, never the key. Needs the extra encryption.

    Encrypted columns are nothing to learn from: leave them out of the features, and load them as roles of their own,
    such as password: PASSWORD.

    Args:
        data: with the columns.
        columns: what to encrypt: roles or features.
        key: id of a secret key, made by modelyard keys secret-new.

    Raises:
        InputError: a column that the data do not have, or a key that is not here.
    """
    import pyarrow as pa

    cipher = FieldCipher(secret_key(key))
    if not columns:
        raise InputError("encrypt: no column is named", expected="columns: [NAME]")
    chosen = [changeable(data, name, "encrypt") for name in sorted(set(columns))]
    for column in chosen:
        column.check_plain("encrypt")
    tables = data.tables()
    for split, table in tables.items():
        rows = table.column(ROW_ID).to_pylist()
        changed = table
        for column in chosen:
            fields = [
                None if value is None else cipher.encrypt(value, column.name, f"{data.digest}/{split}/{place}/{row}")
                for place, (row, value) in enumerate(zip(rows, column.values(table), strict=True))
            ]
            changed = column.replace(changed, pa.array(fields, pa.string()))
        tables[split] = changed
    return data.rewrite(out, tables)
