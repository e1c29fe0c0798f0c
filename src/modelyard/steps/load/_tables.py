"""Reads the named columns of a CSV, TSV, Parquet, JSON Lines or Orange file, or says where it is faulty.

Cells are values as the file spells them (text in CSV and TSV); an empty cell is None. Knows no roles.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from modelyard.core.errors import InputError, suggestion

Format = Literal["auto", "csv", "tsv", "parquet", "jsonl", "orange"]

_SUFFIXES: dict[str, Format] = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".parquet": "parquet",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".tab": "orange",
}
_ORANGE_TYPES = {"d", "discrete", "c", "continuous", "s", "string", "t", "time", "m", "meta", "basket"}


@dataclass(frozen=True)
class Table:
    """Columns of equal length.

    Attributes:
        file: name of the file, for errors.
        columns: column name → values.
        lines: the line that each row begins on, where the format has lines.
    """

    file: str
    columns: dict[str, list[Any]]
    lines: list[int] | None

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def place(self, row: int) -> str:
        """What a person looks for: ``row 4 (line 6)``."""
        return f"row {row} (line {self.lines[row]})" if self.lines else f"row {row}"


def read_table(path: Path, wanted: Collection[str], format: Format) -> Table:
    """Read the columns ``wanted`` of a file.

    Raises:
        InputError: the file is empty, of another format or encoding, or lacks a column.
    """
    if path.is_dir():
        names = sorted(entry.name for entry in path.iterdir() if entry.suffix in _SUFFIXES)
        raise InputError(
            f"{path.name} is a folder", expected="one file", fix=f"name a file in it: {', '.join(names[:20]) or 'none'}"
        )
    if path.stat().st_size == 0:
        raise InputError("the file is empty", expected="a header and rows", where=path.name)
    if format == "auto":
        format = _guess(path)
    if format == "parquet":
        return _read_parquet(path, wanted)
    text = _read_text(path)
    if format == "jsonl":
        return _read_jsonl(path.name, text, wanted)
    return _read_cells(path.name, text, wanted, format)


def _guess(path: Path) -> Format:
    with path.open("rb") as file:
        if file.read(4) == b"PAR1":
            return "parquet"
    if path.suffix.lower() not in _SUFFIXES:
        raise InputError(
            f"the format cannot be told from the name {path.name!r}",
            expected=f"a name that ends in {', '.join(_SUFFIXES)}",
            fix="set format: csv, tsv, parquet, jsonl or orange",
        )
    return _SUFFIXES[path.suffix.lower()]


def _read_text(path: Path) -> str:
    data = path.read_bytes()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        likely = "UTF-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "WINDOWS-1252"
        raise InputError(
            f"byte {error.start} (0x{data[error.start]:02x}, line {line}) is not UTF-8",
            expected="a file in UTF-8",
            fix=f"convert it: iconv -f {likely} -t UTF-8 {path.name} (if {likely} is what it is)",
            where=path.name,
        ) from None


def _check_columns(file: str, found: Sequence[str], wanted: Collection[str]) -> None:
    for name in wanted:
        if name not in found:
            raise InputError(
                f"no column {name!r}",
                expected=f"one of {', '.join(repr(column) for column in found[:30])}",
                fix=suggestion(name, found),
                where=file,
            )
        if found.count(name) > 1:
            raise InputError(f"two columns are called {name!r}", fix="rename one of them", where=file)


def _read_parquet(path: Path, wanted: Collection[str]) -> Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            _check_columns(path.name, file.schema_arrow.names, wanted)
            table = file.read(columns=list(wanted))
    except (pa.ArrowException, OSError) as error:
        raise InputError(
            f"not a readable Parquet file: {error}",
            expected="a whole Parquet file",
            fix="write it again, or set format: to what it is",
            where=path.name,
        ) from None
    return Table(path.name, {name: table.column(name).to_pylist() for name in wanted}, None)


def _read_jsonl(file: str, text: str, wanted: Collection[str]) -> Table:
    columns: dict[str, list[Any]] = {name: [] for name in wanted}
    lines, known = [], set[str]()
    # Not splitlines: it would also break at U+2028 inside a string.
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            item = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise InputError(f"line {number} is not JSON: {error}", expected="one object a line", where=file) from None
        if not isinstance(item, dict):
            raise InputError(f"line {number} is not an object", expected='{"column": value, …}', where=file)
        known |= item.keys()
        lines.append(number)
        for name, values in columns.items():
            values.append(item.get(name))
    # A key may be left out where it has no value, but not everywhere.
    _check_columns(file, sorted(known), wanted)
    return Table(file, columns, lines)


def _read_cells(file: str, text: str, wanted: Collection[str], format: Format) -> Table:
    records = _records(file, text, "," if format == "csv" else "\t")
    _, header = next(records, (1, list[str]()))
    _check_columns(file, header, wanted)
    if format == "orange":
        _skip_orange_header(file, records)
    places = {name: header.index(name) for name in wanted}
    columns: dict[str, list[Any]] = {name: [] for name in wanted}
    lines = []
    for line, cells in records:
        if not cells:
            continue
        if len(cells) != len(header):
            raise InputError(
                f"line {line} has {len(cells)} cells",
                expected=f"{len(header)}, as in the header",
                fix="put cells that hold the separator or a line break in quotes",
                where=file,
            )
        lines.append(line)
        for name, place in places.items():
            columns[name].append(cells[place] or None)
    return Table(file, columns, lines)


def _skip_orange_header(file: str, records: Iterator[tuple[int, list[str]]]) -> None:
    _, types = next(records, (2, list[str]()))
    next(records, None)
    for cell in types:
        # A cell with a blank lists the values of a discrete column.
        if cell and cell not in _ORANGE_TYPES and " " not in cell:
            raise InputError(
                f"line 2 is not Orange's line of types: {cell!r}",
                expected=f"{', '.join(sorted(_ORANGE_TYPES))}",
                fix="for a table with one header line set format: tsv",
                where=file,
            )


def _records(file: str, text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Each record with the line that it begins on; a blank line has no cells."""
    # The module's limit of 131,072 characters a cell is meant for untrusted columns; texts are longer.
    csv.field_size_limit(max(csv.field_size_limit(), len(text) + 1))
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    line = 1
    try:
        for cells in reader:
            yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        raise InputError(
            f"the record that begins on line {line} cannot be read: {error}",
            expected='cells in quotes end in a quote; a quote inside is doubled ("")',
            fix="write the file again with a CSV library",
            where=file,
        ) from None
