"""Quasi-identifiers and the sensitive column of a dataset, over all its splits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from modelyard.core.dataset import Dataset
from modelyard.core.errors import InputError
from modelyard.formats.columns import column


def read(data: Dataset, names: Sequence[str], sensitive: str | None) -> tuple[dict[str, list[Any]], list[Any] | None]:
    """The values of the columns, all splits one after the other.

    Raises:
        InputError: a column that the data do not have, holds neither text nor numbers, or is named twice.
    """
    if not names:
        raise InputError("anonymise: no column is named", expected="columns: what people could be known by")
    if sensitive in names:
        raise InputError(f"anonymise: {sensitive!r} is both a column to be known by and the sensitive one")
    tables = list(data.tables().values())
    found = {}
    for name in names:
        one = column(data, name, "anonymise")
        one.check_plain("anonymise")
        found[name] = [value for table in tables for value in one.values(table)]
    if sensitive is None:
        return found, None
    secret = column(data, sensitive, "anonymise")
    return found, [value for table in tables for value in secret.values(table)]
