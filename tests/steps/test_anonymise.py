"""A table is made k-anonymous, the model's requests are made coarse alike, and a recipe can ask for it."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from modelyard.core import lookup
from modelyard.core.dataset import ROW_ID, Dataset
from modelyard.core.errors import InputError
from modelyard.core.predictor import apply_transforms
from modelyard.core.report import Report
from modelyard.engines.local import execute
from modelyard.testing import check_step

COLUMNS = ["age", "postcode"]


@pytest.fixture
def data(tmp_path: Path) -> Dataset:
    source = random.Random(0)
    kind = pa.struct([("age", pa.float64()), ("postcode", pa.string())])
    features = [
        {"age": float(source.randint(20, 60)), "postcode": f"5{source.randint(1000, 1099)}"} for _ in range(300)
    ]
    labels = [source.choice("ab") for _ in range(300)]
    table = pa.table({ROW_ID: range(300), "features": pa.array(features, kind), "label": labels, "visits": range(300)})
    (tmp_path / "data").mkdir()
    splits = {"train": table.slice(0, 200), "test": table.slice(200)}
    return Dataset.write(tmp_path / "data", splits, parents=[], labels=["a", "b"])


def report(data: Dataset, **options: Any) -> Report:
    found = check_step("anonymise check", [data], {"columns": COLUMNS, **options})
    assert isinstance(found, Report)
    return found


def test_k_is_reached_and_requests_are_made_coarse_alike(data: Dataset) -> None:
    before = report(data, sensitive="label").findings
    assert before.measures["k_anonymity"].value == 1
    assert (before.measures["unique_share"].value or 0) > 0.5
    assert before.tables[0].columns == ["age", "postcode", "rows", "values of label"]
    assert len(before.tables[0].rows) == 10
    assert sum(value or 0 for value in before.figures[0].series[0].y) == 300
    options = {"columns": COLUMNS, "k": 5, "sensitive": "label", "l": 2, "suppress": 0.05}
    made = check_step("anonymise generalise", [data], options)
    assert isinstance(made, Dataset)
    after = report(made, sensitive="label").findings.measures
    assert (after["k_anonymity"].value or 0) >= 5
    assert (after["l_diversity"].value or 0) >= 2
    assert 285 <= sum(made.splits.values()) <= 300
    kept = set(made.column("train", ROW_ID))
    served = apply_transforms(made.transforms, [row for row in data.rows("train") if row[ROW_ID] in kept])
    assert served == made.rows("train")
    assert made.table("train").schema == data.table("train").schema


def test_a_column_of_whole_numbers(data: Dataset) -> None:
    made = check_step("anonymise generalise", [data], {"columns": ["visits"], "k": 10})
    assert isinstance(made, Dataset)
    assert (report(made, columns=["visits"]).findings.measures["k_anonymity"].value or 0) >= 10


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("check", {"columns": ["agee"]}, "did you mean 'age'"),
        ("check", {"columns": []}, "no column is named"),
        ("check", {"columns": ["age"], "sensitive": "age"}, "both"),
        ("generalise", {"columns": ["label"]}, "what the model learns from"),
        ("generalise", {"columns": ["age"], "k": 1000}, "cannot be reached"),
        ("generalise", {"columns": ["age"], "l": 2}, "no sensitive column"),
    ],
)
def test_bad_input(data: Dataset, tmp_path: Path, name: str, options: dict[str, Any], words: str) -> None:
    step = lookup.step(f"anonymise {name}")
    with pytest.raises(InputError) as caught:
        execute(step, [data], step.check_options(options), out=tmp_path, scratch=tmp_path)
    assert words in str(caught.value)
