"""Reads the named columns of a CSV, TSV, Parquet, JSON Lines or Orange file, or says where it is faulty.

Cells are values as the file spells them (text in CSV and TSV); an empty cell is None. Text may be compressed with
gzip. Knows no role's meaning.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Literal

from modelyard.core.errors import InputError
from modelyard.steps.load._columns import Spec, resolve

Format = Literal["auto", "csv", "tsv", "parquet", "jsonl", "orange"]

_SUFFIXES: dict[str, Format] = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".parquet": "parquet",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".tab": "orange",
}
MOST_BYTES = 4 * 2**30
"""Most bytes of text that a compressed file may hold."""
_GZIP = b"\x1f\x8b"
_ORANGE_TYPES = {"d", "discrete", "c", "continuous", "s", "string", "t", "time", "m", "meta", "basket"}


@dataclass(frozen=True)
class Table:
    """Columns of equal length.

    Attributes:
        file: name of the file, for errors.
        roles: role → names of its columns.
        columns: column name → values.
        lines: the line that each row begins on, where the format has lines.
        folder: where the paths in its cells begin, if they may name files.
    """

    file: str
    roles: Mapping[str, list[str]]
    columns: dict[str, list[Any]]
    lines: list[int] | None = None
    folder: Path | None = None

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def place(self, row: int) -> str:
        """What a person looks for: ``row 4 (line 6)``."""
        return f"row {row} (line {self.lines[row]})" if self.lines else f"row {row}"


def read_table(path: Path, columns: Mapping[str, Spec], format: Format, *, header: bool = True) -> Table:
    """Read the columns that play a role.

    Args:
        columns: role → its column or columns.
        header: whether the first line of a CSV or TSV file names the columns; else they are called
            ``column_1``, ``column_2``, …

    Raises:
        InputError: the file is empty, of another format or encoding, or lacks a column.
    """
    if path.is_dir():
        names = sorted(entry.name for entry in path.iterdir() if has_table_name(entry))
        raise InputError(
            f"{path.name} is a folder", expected="one file", fix=f"name a file in it: {', '.join(names[:20]) or 'none'}"
        )
    if path.stat().st_size == 0:
        raise InputError("the file is empty", expected="a header and rows", where=path.name)
    if format == "auto":
        format = _guess(path)
    if format == "parquet":
        return _read_parquet(path, columns)
    text = _read_text(path)
    if format == "jsonl":
        return _read_jsonl(path.name, text, columns)
    return _read_cells(path.name, text, columns, format, header)


def has_table_name(path: Path) -> bool:
    """Whether the name says what kind of table a file is."""
    return _suffix(path) in _SUFFIXES


def _suffix(path: Path) -> str:
    return (path.with_suffix("") if path.suffix.lower() == ".gz" else path).suffix.lower()


def _guess(path: Path) -> Format:
    with path.open("rb") as file:
        if file.read(4) == b"PAR1":
            return "parquet"
    if not has_table_name(path):
        raise InputError(
            f"the format cannot be told from the name {path.name!r}",
            expected=f"a name that ends in {', '.join(_SUFFIXES)}, and perhaps .gz",
            fix="set format: csv, tsv, parquet, jsonl or orange",
        )
    return _SUFFIXES[_suffix(path)]


def _read_text(path: Path) -> str:
    data = path.read_bytes()
    if data.startswith(_GZIP):
        data = _decompress(data, path.name)
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


def _decompress(data: bytes, file: str) -> bytes:
    try:
        with gzip.open(io.BytesIO(data)) as stream:
            text = stream.read(MOST_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"not a whole gzip file: {error}", fix="fetch or compress it again", where=file) from None
    if len(text) > MOST_BYTES:
        raise InputError(
            f"more than {MOST_BYTES >> 30} GiB of text in it", fix="cut it, or write it as Parquet", where=file
        )
    return text


def _read_parquet(path: Path, columns: Mapping[str, Spec]) -> Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            roles = resolve(columns, file.schema_arrow.names, path.name)
            wanted = _names(roles)
            table = file.read(columns=wanted)
    except (pa.ArrowException, OSError) as error:
        raise InputError(
            f"not a readable Parquet file: {error}",
            expected="a whole Parquet file",
            fix="write it again, or set format: to what it is",
            where=path.name,
        ) from None
    return Table(path.name, roles, {name: table.column(name).to_pylist() for name in wanted})


def _read_jsonl(file: str, text: str, columns: Mapping[str, Spec]) -> Table:
    lines, items = [], []
    # A dict: a set that keeps the order, which a range goes by.
    known: dict[str, None] = {}
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
        known |= dict.fromkeys(item)
        lines.append(number)
        items.append(item)
    # A key may be left out where it has no value, but not everywhere.
    roles = resolve(columns, list(known), file)
    return Table(file, roles, {name: [item.get(name) for item in items] for name in _names(roles)}, lines)


def _names(roles: Mapping[str, list[str]]) -> list[str]:
    """Every column once, in the order of the roles."""
    return list(dict.fromkeys(name for names in roles.values() for name in names))


def _read_cells(file: str, text: str, columns: Mapping[str, Spec], format: Format, header: bool) -> Table:
    records = _records(file, text, "," if format == "csv" else "\t")
    first = next(records, (1, list[str]()))
    names = first[1] if header else [f"column_{number}" for number, _ in enumerate(first[1], start=1)]
    roles = resolve(columns, names, file)
    if format == "orange":
        _skip_orange_header(file, records)
    places = {name: names.index(name) for name in _names(roles)}
    found: dict[str, list[Any]] = {name: [] for name in places}
    lines = []
    for line, cells in records if header else chain([first], records):
        if not cells:
            continue
        if len(cells) != len(names):
            raise InputError(
                f"line {line} has {len(cells)} cells",
                expected=f"{len(names)}, as in the {'header' if header else 'first line'}",
                fix="put cells that hold the separator or a line break in quotes",
                where=file,
            )
        lines.append(line)
        for name, place in places.items():
            found[name].append(cells[place] or None)
    return Table(file, roles, found, lines)


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
