"""Predictions as a file that other tools read: JSON Lines, CSV or Parquet, by the end of its name.

``row`` is the number of the row in the input. Knows no model.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from modelyard.core.errors import InputError

Records = Sequence[Mapping[str, Any]]


def check_name(path: Path) -> None:
    """See that a file of that name can be written.

    Raises:
        InputError: no format has that ending, the file is there already, or its folder is not.
    """
    if path.suffix not in _ENCODERS:
        raise InputError(f"{path.name}: unknown kind of file", expected=f"a name that ends in {', '.join(_ENCODERS)}")
    if path.exists():
        raise InputError(f"{path} is there already", fix="name another output, or remove it")
    if not path.parent.is_dir():
        raise InputError(f"{path.parent} is no folder", fix="make it first")


def encode(name: str, predictions: Records) -> bytes:
    """The content of a file of that name.

    Args:
        predictions: one for each row of the input, in order; their values are JSON values.
    """
    return _ENCODERS[Path(name).suffix]([{"row": row, **item} for row, item in enumerate(predictions)])


def _json_lines(records: Records) -> bytes:
    return "".join(json.dumps(record, ensure_ascii=False, allow_nan=False) + "\n" for record in records).encode()


def _csv(records: Records) -> bytes:
    flat = [{name: _inert(value) for name, value in _flatten(record).items()} for record in records]
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(dict.fromkeys(name for record in flat for name in record)))
    writer.writeheader()
    writer.writerows(flat)
    return text.getvalue().encode()


def _inert(value: Any) -> Any:
    """A text that a spreadsheet would carry out as a formula, with an apostrophe before it, which shows it as text."""
    return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")) else value


def _flatten(record: Mapping[str, Any]) -> dict[str, Any]:
    """A mapping becomes a column an entry, ``scores.spam``; a list is written as JSON."""
    flat: dict[str, Any] = {}
    for name, value in record.items():
        if isinstance(value, Mapping):
            flat |= {f"{name}.{key}": item for key, item in value.items()}
        else:
            flat[name] = json.dumps(value, ensure_ascii=False) if isinstance(value, list) else value
    return flat


def _parquet(records: Records) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    content = io.BytesIO()
    pq.write_table(pa.Table.from_pylist([dict(record) for record in records]), content)
    return content.getvalue()


_ENCODERS: Mapping[str, Callable[[Records], bytes]] = {".jsonl": _json_lines, ".csv": _csv, ".parquet": _parquet}
