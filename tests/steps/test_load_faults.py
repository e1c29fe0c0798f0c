"""Faulty data are refused with column, row and fix, and nothing is written (fault list, case 37)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from modelyard.core import lookup
from modelyard.core.errors import InputError
from modelyard.sources import fetch

GOOD = b"kind,message\n" + b"".join(b"ham,hello %d\nspam,win %d\n" % (n, n) for n in range(10))
COLUMNS = {"text": "message", "label": "kind"}


def refused(tmp_path: Path, content: bytes, name: str = "a.csv", **options: Any) -> str:
    """The error's words; nothing may be left behind."""
    (tmp_path / name).write_bytes(content)
    out = tmp_path / "out"
    out.mkdir()
    step = lookup.step("load data")
    with pytest.raises(InputError) as caught:
        step.function(fetch(str(tmp_path / name)), out=out, **step.check_options({"columns": COLUMNS, **options}))
    assert list(out.iterdir()) == []
    assert caught.value.fix or caught.value.expected
    return str(caught.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", ["empty"]),
        (b"kind,message\n", ["no rows"]),
        (b"\n\n", ["no column 'message'"]),
        (b"kind,mesage\nham,a\n", ["no column 'message'", "did you mean 'mesage'"]),
        (b"kind,message,message\nham,a,b\n", ["two columns are called 'message'"]),
        (GOOD + b"ham\n", ["line 22 has 1 cells", "2, as in the header"]),
        (GOOD + b'ham,"unclosed\nspam,x\n', ["begins on line 22", "end in a quote"]),
        (GOOD + b"ham,caf\xe9\n", ["byte 250 (0xe9, line 22) is not UTF-8", "iconv -f WINDOWS-1252"]),
        ("kind,message\nham,a\n".encode("utf-16"), ["not UTF-8", "iconv -f UTF-16"]),
        (GOOD.replace(b"spam", b"ham"), ["'kind' (label) has one class only: 'ham'"]),
        (b"kind,message\nham,\nspam,  \n", ["'message' (text) has no value in any row"]),
        (GOOD + b"ham,\n,x\nspam,   \n", ["'message' (text) has no value in 2 of 23 rows: row 20 (line 22), row 22"]),
        (GOOD + b",x\n", ["'kind' (label) has no value in 1 of 21 rows: row 20 (line 22)", "missing: drop"]),
    ],
)
def test_faults_of_tables(tmp_path: Path, content: bytes, words: list[str]) -> None:
    said = refused(tmp_path, content)
    for word in words:
        assert word in said


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"columns": {"message": "text"}}, ["no column 'text'"]),
        ({"columns": {"Text": "message"}}, ["'Text' cannot be the name of a role"]),
        ({"columns": {"row": "message"}}, ["'row' cannot be"]),
        ({"columns": {"label": "kind"}}, ["no input among the roles label"]),
        ({"columns": {}}, ["no input"]),
        ({"columns": {"text": "message"}, "labels": {"ham": "good"}}, ["names no label"]),
        ({"labels": {"ham": "good"}}, ["row 1 (line 3): 'spam' is not in labels"]),
        ({"split": {"train": 0.9}}, ["sum to 1.1"]),
        ({"split": {"by": "kind"}}, ["split: by: no role 'kind'", "use one of: label, text"]),
        ({"split": {"group": "grop"}}, ["split: group: no role 'grop'"]),
        ({"split": {"train": 0.98, "validation": 0.01, "test": 0.01}}, ["validation gets none of 20 rows"]),
        ({"split": {"group": "label"}}, ["gets none of 20 rows in their groups"]),
        ({"columns": {**COLUMNS, "weight": "kind"}}, ["'kind' (weight), row 0 (line 2): 'ham'", "zero or more"]),
        ({"format": "jsonl"}, ["line 1 is not JSON"]),
        ({"format": "parquet"}, ["not a readable Parquet file"]),
        ({"format": "tsv"}, ["no column 'message'"]),
    ],
)
def test_faults_of_options(tmp_path: Path, options: dict[str, Any], words: list[str]) -> None:
    said = refused(tmp_path, GOOD, **options)
    for word in words:
        assert word in said


@pytest.mark.parametrize(
    ("items", "words"),
    [
        ([{"kind": "a", "message": "x"}, {"kind": "b", "message": 5}], ["mixed types", "row 1 (line 2)", "a number"]),
        ([{"kind": "a", "message": "x"}, {"kind": 1, "message": "y"}], ["'kind' (label) has mixed types"]),
        ([{"kind": "a", "message": 1}, {"kind": "b", "message": 2}], ["'message' (text), row 0", "expected: text"]),
        ([{"kind": [1], "message": "x"}, {"kind": [2], "message": "y"}], ["'kind' (label), row 0 (line 1): [1]"]),
        ([{"kind": "a", "message": "\ud800"}], ["valid Unicode"]),
        ([{"kind": "a"}, {"kind": "b"}], ["no column 'message'"]),
        ([["a", "b"]], ["line 1 is not an object"]),
    ],
)
def test_faults_of_json_lines(tmp_path: Path, items: list[Any], words: list[str]) -> None:
    said = refused(tmp_path, "\n".join(map(json.dumps, items)).encode(), "a.jsonl")
    for word in words:
        assert word in said


@pytest.mark.parametrize("line", [b"[" * 200_000, b'{"a": ' + b"1" * 10_000 + b"}", b'{"a"'])
def test_json_that_would_break_a_parser(tmp_path: Path, line: bytes) -> None:
    assert "line 1 is not JSON" in refused(tmp_path, line, "a.jsonl")


def test_a_damaged_parquet_file(tmp_path: Path) -> None:
    pq.write_table(pa.table({"kind": ["a", "b"], "message": ["x", "y"]}), tmp_path / "whole")
    whole = (tmp_path / "whole").read_bytes()
    assert "not a readable Parquet file" in refused(tmp_path, whole[:-20], "a.parquet")


def test_a_table_with_one_header_line_is_not_orange_s(tmp_path: Path) -> None:
    said = refused(tmp_path, GOOD.replace(b",", b"\t"), "a.tab")
    assert "line 2 is not Orange's line of types: 'ham'" in said
    assert "format: tsv" in said


def test_a_name_that_says_nothing_and_a_folder(tmp_path: Path) -> None:
    assert "format cannot be told" in refused(tmp_path, GOOD, "a.txt")
    step = lookup.step("load data")
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_bytes(GOOD)
    with pytest.raises(InputError, match=r"is a folder") as caught:
        step.function(fetch(str(tmp_path)), out=tmp_path / "out", **step.check_options({"columns": COLUMNS}))
    assert "name a file in it: a.csv, b.csv" in caught.value.fix


def test_a_class_that_was_never_learned(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_bytes(GOOD)
    (tmp_path / "test.csv").write_bytes(b"kind,message\nham,a\neggs,b\n")
    out = tmp_path / "out"
    out.mkdir()
    step = lookup.step("load data")
    train, test = (fetch(str(tmp_path / name)) for name in ("train.csv", "test.csv"))
    with pytest.raises(InputError, match=r"'kind' \(label\), row 1 of test: 'eggs' never occurs in train"):
        step.function(train, test, out=out, **step.check_options({"columns": COLUMNS}))
    assert list(out.iterdir()) == []


def test_rows_without_a_value_are_dropped_if_asked(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"kind,message\nham,\n" + GOOD.split(b"\n", 1)[1])
    out = tmp_path / "out"
    out.mkdir()
    step = lookup.step("load data")
    options = step.check_options({"columns": COLUMNS, "missing": "drop"})
    data = step.function(fetch(str(tmp_path / "a.csv")), out=out, **options)
    assert data.attributes["profile"]["dropped"] == {"source": 1}
    rows = [
        row for split in data.attributes["splits"] for row in pq.read_table(out / f"{split}.parquet")["row"].to_pylist()
    ]
    assert sorted(rows) == list(range(1, 21))
