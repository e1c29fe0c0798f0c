"""Columns of numbers and categories become one role, in their order; what is faulty names column and row."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.core import lookup
from modelyard.core.dataset import Dataset
from modelyard.core.errors import InputError
from modelyard.core.source import Source
from modelyard.engines.local import execute
from modelyard.sources import fetch

HEADER = "age,city,kind,sick"
LINES = [f"{20 + n},{'Rome' if n % 3 else 'Oslo'},{n % 4},{'yes' if n % 2 else 'no'}" for n in range(20)]
COLUMNS = {"label": "sick", "features": "*"}
STEP = lookup.step("load data")


def write(folder: Path, lines: list[str], name: str = "a.csv") -> Source:
    (folder / name).write_text("\n".join([HEADER, *lines]))
    return fetch(str(folder / name))


def load(folder: Path, *sources: Source | None, **options: Any) -> Dataset:
    out = folder / "out"
    out.mkdir()
    inputs = [*sources, None, None, None][:4]
    result = execute(STEP, inputs, STEP.check_options({"columns": COLUMNS} | options), out=out, scratch=out)
    assert isinstance(result, Dataset)
    return result


def test_all_other_columns_keep_order_names_and_kind(tmp_path: Path) -> None:
    data = load(tmp_path, write(tmp_path, LINES), categorical=["kind"], split={"train": 1, "validation": 0, "test": 0})
    assert data.roles == ("row", "label", "features")
    table = data.table("train")
    assert table.schema.field("features").type == pa.struct(
        [("age", pa.float64()), ("city", pa.string()), ("kind", pa.string())]
    )
    assert data.rows("train")[1] == {
        "row": 1,
        "label": "yes",
        "features": {"age": 21.0, "city": "Rome", "kind": "1"},
    }
    assert data.profile["features"]["age"] == {"kind": "number", "missing": 0, "min": 20.0, "max": 39.0}
    assert data.profile["features"]["kind"] == {"kind": "category", "missing": 0, "categories": 4}


@pytest.mark.parametrize(
    ("spec", "names"),
    [(["kind", "age"], ["kind", "age"]), ("age..kind", ["age", "city", "kind"]), ("city", ["city"])],
)
def test_columns_by_list_range_and_name(tmp_path: Path, spec: Any, names: list[str]) -> None:
    data = load(tmp_path, write(tmp_path, LINES), columns={"label": "sick", "features": spec})
    assert list(data.rows("train")[0]["features"]) == names


def test_the_columns_of_the_first_file_hold_for_the_others(tmp_path: Path) -> None:
    (tmp_path / "test.csv").write_text("sick,more,kind,city,age\nno,1,7,Bonn,30\n")
    data = load(tmp_path, write(tmp_path, LINES), fetch(str(tmp_path / "test.csv")))
    assert data.rows("test")[0]["features"] == {"age": 30.0, "city": "Bonn", "kind": 7.0}
    assert [text for text in data.profile["warnings"] if "column" in text] == [
        "column 'city', row 0 of test: 'Bonn' never occurs in training (so do 1 rows): "
        "the model takes it for an unknown category"
    ]


def test_a_number_to_predict(tmp_path: Path) -> None:
    data = load(tmp_path, write(tmp_path, LINES), columns={"target": "age", "features": ["kind"]})
    assert data.labels == ()
    assert data.table("train").schema.field("target").type == pa.float64()
    assert sorted(value for split in data.splits for value in data.column(split, "target")) == list(range(20, 40))


def test_every_format_gives_the_same(tmp_path: Path) -> None:
    rows = [{"age": 20 + n, "city": "Rome" if n % 3 else "Oslo", "sick": n % 2 == 1} for n in range(20)]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)))
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    cells = [f"{row['age']},{row['city']},{json.dumps(row['sick'])}" for row in rows]
    (tmp_path / "a.csv").write_text("\n".join(["age,city,sick", *cells]))
    found = []
    for name in ("a.jsonl", "a.parquet", "a.csv"):
        folder = tmp_path / f"of {name}"
        folder.mkdir()
        found.append(load(folder, fetch(str(tmp_path / name))).tables())
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize(
    ("lines", "options", "words"),
    [
        (
            [*LINES, "?,Rome,1,no"],
            {},
            ["'age' (features) has mixed types", "'20' in row 0", "'?' in row 20 (line 22)", "categorical: [age]"],
        ),
        (
            [*LINES, ",Rome,1,no"],
            {},
            ["'age' (features) has no value in 1 of 21 rows: row 20 (line 22)", "missing: keep"],
        ),
        ([*LINES, "inf,Rome,1,no"], {}, ["column 'age' (features), row 20 (line 22): 'inf'", "a finite number"]),
        ([f"{number},,1,no" for number in range(9)], {}, ["column 'city' (features) has no value in any row"]),
        (LINES, {"categorical": ["kin"]}, ["categorical: 'kin' is not among the features", "did you mean 'kind'"]),
        (
            LINES,
            {"columns": {"label": "sick", "features": ["age", "agee"]}},
            ["no column 'agee'", "did you mean 'age'"],
        ),
        (LINES, {"columns": {"label": "sick", "features": ["age", "age"]}}, ["or one twice"]),
        (LINES, {"columns": {"label": ["sick"], "features": "*"}}, ["columns: label: a list of columns"]),
        (
            LINES,
            {"columns": {"target": "city", "features": "age"}},
            ["column 'city' (target), row 0 (line 2): 'Oslo'", "a finite number"],
        ),
    ],
)
def test_faults_name_column_and_row(
    tmp_path: Path, lines: list[str], options: dict[str, Any], words: list[str]
) -> None:
    with pytest.raises(InputError) as caught:
        load(tmp_path, write(tmp_path, lines), **options)
    for word in words:
        assert word in str(caught.value)
    assert list((tmp_path / "out").iterdir()) == []


def test_another_file_may_not_change_what_a_column_holds(tmp_path: Path) -> None:
    other = write(tmp_path, ["old,Rome,1,no"], "test.csv")
    with pytest.raises(InputError, match=r"column 'age' \(features\), row 0 \(line 2\): 'old'"):
        load(tmp_path, write(tmp_path, LINES), other)


def test_gaps_are_kept_or_left_out_if_asked(tmp_path: Path) -> None:
    lines = [*LINES, ",Rome,1,no", "33,,nan,no"]
    (tmp_path / "kept").mkdir()
    (tmp_path / "dropped").mkdir()
    split = {"train": 1, "validation": 0, "test": 0}
    kept = load(tmp_path / "kept", write(tmp_path, lines), missing="keep", split=split)
    assert kept.rows("train")[20]["features"] == {"age": None, "city": "Rome", "kind": 1.0}
    assert kept.rows("train")[21]["features"] == {"age": 33.0, "city": None, "kind": None}
    dropped = load(tmp_path / "dropped", write(tmp_path, lines), missing="drop", split=split)
    assert dropped.profile["dropped"] == {"source": 2}
    assert dropped.splits == {"train": 20}


@given(st.lists(st.tuples(st.floats(allow_nan=False, allow_infinity=False), st.text(min_size=1)), min_size=2))
def test_numbers_and_categories_come_back_as_they_were(rows: list[tuple[float, str]]) -> None:
    from modelyard.steps.load._features import Features
    from modelyard.steps.load._tables import Table

    columns: dict[str, list[Any]] = {"x": [number for number, _ in rows], "c": [f"c{number}" for number, _ in rows]}
    table = Table("a", {"features": ["x", "c"]}, columns)
    features = Features.judge(table, ["x", "c"], [])
    assert features.kinds == {"x": "number", "c": "category"}
    read = features.read(table)
    assert pa.array(read, features.arrow_type()).to_pylist() == [{"x": number, "c": f"c{number}"} for number, _ in rows]
