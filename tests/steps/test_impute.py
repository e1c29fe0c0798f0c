"""Gaps are filled as the training rows taught it, in the data and in what the model is asked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from modelyard.core import lookup
from modelyard.core.dataset import ROW_ID, Dataset
from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.predictor import Predictor, apply_transforms, fills_gaps, raw_columns
from modelyard.core.transform import TransformSpec
from modelyard.engines.local import execute
from modelyard.testing import check_step

METHODS = ("impute mean", "impute median", "impute mode", "impute nearest", "impute iterative")
TYPE = pa.struct([("age", pa.float64()), ("city", pa.string()), ("pay", pa.float64())])


def write(folder: Path, splits: dict[str, list[dict[str, Any]]]) -> Dataset:
    folder.mkdir(parents=True)
    tables = {
        name: pa.table(
            {
                ROW_ID: pa.array(range(len(rows)), pa.int64()),
                "features": pa.array(rows, TYPE),
                "label": ["yes" if number % 3 else "no" for number in range(len(rows))],
            }
        )
        for name, rows in splits.items()
    }
    return Dataset.write(folder, tables, parents=[], labels=["no", "yes"])


def row(age: float | None, city: str | None, pay: float | None) -> dict[str, Any]:
    return {"age": age, "city": city, "pay": pay}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Pay is ten times the age; of forty training rows every fifth lacks one, and some a city."""
    random = np.random.default_rng(0)
    rows = []
    for number in range(40):
        age = float(random.integers(20, 60))
        rows.append(row(age, ["Rome", "Rome", "Oslo"][number % 3] if number % 7 else None, 10 * age))
    for number in range(0, 40, 5):
        rows[number]["age" if number % 2 else "pay"] = None
    return write(tmp_path_factory.mktemp("impute") / "data", {"train": rows, "test": [row(None, None, 300.0)]})


def run(name: str, inputs: Any, out: Path, **options: Any) -> Any:
    step = lookup.step(name)
    out.mkdir(parents=True)
    made = execute(step, inputs, step.check_options(options), out=out, scratch=out)
    made.verify()
    return made


@pytest.mark.parametrize("name", METHODS)
def test_every_method_fills_every_split(data: Dataset, name: str) -> None:
    filled = check_step(name, [data])
    assert isinstance(filled, Dataset)
    assert filled.table("train").schema == data.table("train").schema
    for split in ("train", "test"):
        before, after = data.column(split, "features"), filled.column(split, "features")
        assert all(value is not None for cells in after for value in cells.values())
        for was, now in zip(before, after, strict=True):
            assert {key: now[key] for key, value in was.items() if value is not None} == {
                key: value for key, value in was.items() if value is not None
            }
    assert filled.column("test", "features")[0]["city"] == "Rome"
    # The test row's own values were not learned from: its fill is the transform's.
    (spec,) = filled.transforms
    assert json.loads(json.dumps(spec.to_json())) == spec.to_json()
    assert apply_transforms([spec], data.rows("test"))[0]["features"] == filled.column("test", "features")[0]


def test_a_column_that_follows_from_another_is_found(data: Dataset, tmp_path: Path) -> None:
    filled = run("impute iterative", [data], tmp_path / "out", l2=1e-6)
    assert filled.column("test", "features")[0]["age"] == pytest.approx(30.0, abs=1.0)
    assert all(cells["pay"] == pytest.approx(10 * cells["age"], abs=25) for cells in filled.column("train", "features"))


def test_the_verb_alone_takes_the_median(data: Dataset, tmp_path: Path) -> None:
    filled = run("impute", [data], tmp_path / "out")
    ages = [cells["age"] for cells in data.column("train", "features") if cells["age"] is not None]
    assert filled.column("test", "features")[0]["age"] == np.median(ages)


def test_the_model_keeps_so_many_rows_to_ask(data: Dataset, tmp_path: Path) -> None:
    filled = run("impute nearest", [data], tmp_path / "out", kept=10, neighbours=1)
    donors = filled.transforms[0].options["fitted"]["donors"]
    assert len(donors) == 10
    known = [[cells["age"], cells["pay"]] for cells in data.column("train", "features")]
    assert all(donor in known for donor in donors)
    assert run("impute nearest", [data], tmp_path / "again", kept=10, neighbours=1).digest == filled.digest


def test_a_generator_finds_what_goes_together(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    ages = random.uniform(20, 60, 300)
    rows = [row(float(age), "Rome", float(10 * age)) for age in ages]
    whole = np.array([[cells["age"], cells["pay"]] for cells in rows])
    gaps = np.zeros(whole.shape, dtype=bool)
    gaps[np.arange(300), random.integers(0, 2, 300)] = random.random(300) < 0.5
    for number, name in zip(*np.nonzero(gaps), strict=True):
        rows[number][("age", "pay")[name]] = None
    data = write(tmp_path / "data", {"train": rows, "test": rows[:5]})
    filled = check_step("impute gan", [data], {"steps": 400})
    assert isinstance(filled, Dataset)
    found = np.array([[cells["age"], cells["pay"]] for cells in filled.column("train", "features")])
    means = np.where(gaps, np.nanmean(np.where(gaps, np.nan, whole), axis=0), whole)
    spread = whole.std(axis=0)
    assert np.abs((found - whole) / spread)[gaps].mean() < 0.6 * np.abs((means - whole) / spread)[gaps].mean()


def test_that_a_value_is_missing_becomes_a_column(data: Dataset, tmp_path: Path) -> None:
    marked = check_step("impute indicator", [data])
    assert isinstance(marked, Dataset)
    first = marked.column("train", "features")[0]
    assert first["pay"] is None
    assert (first["age_missing"], first["city_missing"], first["pay_missing"]) == (0.0, 1.0, 1.0)
    filled = run("impute mean", [marked], tmp_path / "filled")
    assert filled.column("train", "features")[0]["pay_missing"] == 1.0
    # Rows that were marked and filled already are left as they are, as a server's first test asks them.
    assert apply_transforms(filled.transforms, filled.rows("train")) == filled.rows("train")


def test_whatever_runs_the_model_fills_as_training_did(data: Dataset, tmp_path: Path) -> None:
    marked = run("impute indicator", [data], tmp_path / "marked")
    filled = run("impute iterative", [marked], tmp_path / "filled")
    model: Model = run("fit linear", [filled], tmp_path / "model", task="tabular-classification")
    assert [spec.name for spec in model.transforms] == ["indicate-gaps", "impute"]
    assert fills_gaps(model)
    with Predictor(model) as predictor:
        assert raw_columns(model, predictor.processor) == {"age": "number", "city": "category", "pay": "number"}
        asked = predictor.predict(data.rows("train"))
        known = predictor.predict_split(filled, "train")
        assert asked == predictor.predict_split(data, "train") == known
        (whole,) = predictor.predict([{"features": row(30.0, "Rome", 300.0)}])
        (gap,) = predictor.predict([{"features": {"age": 30.0}}])
        assert whole != gap
        with pytest.raises(InputError, match="finite number"):
            predictor.predict([{"features": row(10.0**60, "Rome", None)}])


@pytest.mark.parametrize("name", ["scale standard", "scale minmax", "scale robust"])
def test_numbers_are_scaled_by_the_model_itself(data: Dataset, tmp_path: Path, name: str) -> None:
    filled = run("impute mean", [data], tmp_path / "filled")
    scaled = check_step(name, [filled])
    assert isinstance(scaled, Dataset)
    assert scaled.tables() == filled.tables()
    assert scaled.transforms == filled.transforms
    model: Model = run("fit linear", [scaled], tmp_path / "model", task="tabular-classification")
    with Predictor(model) as predictor:
        rows = [{"features": cells} for cells in filled.column("train", "features")]
        codes = np.stack([item["features"] for item in predictor.task.encode(predictor.processor, rows)])
    pay = codes[:, predictor.processor.codes.names.index("pay")]
    low, high = {"scale standard": (-3, 3), "scale minmax": (0, 1), "scale robust": (-2, 2)}[name]
    assert pay.min() >= low
    assert pay.max() <= high
    if name == "scale minmax":
        assert (pay.min(), pay.max()) == (0.0, 1.0)
    if name == "scale standard":
        plain = run("fit linear", [filled], tmp_path / "plain", task="tabular-classification")
        assert plain.files["model.onnx"] == model.files["model.onnx"]


def test_what_cannot_be_filled(tmp_path: Path) -> None:
    (tmp_path / "texts").mkdir()
    table = pa.table({ROW_ID: pa.array([0], pa.int64()), "text": ["hello"]})
    texts = Dataset.write(tmp_path / "texts", {"train": table}, parents=[])
    empty = write(tmp_path / "empty", {"train": [row(None, "Rome", 1.0)], "test": [row(1.0, "Rome", 1.0)]})
    whole = write(tmp_path / "whole", {"train": [row(1.0, "Rome", 1.0)] * 3})
    for name in (*METHODS, "impute gan", "impute indicator", "scale standard"):
        with pytest.raises(InputError, match="no features"):
            run(name, [texts], tmp_path / "no" / name)
    for name in (*METHODS, "scale robust"):
        with pytest.raises(InputError, match="'age' has no value in any row of train"):
            run(name, [empty], tmp_path / "none" / name)
    with pytest.raises(InputError, match="no number is missing"):
        run("impute gan", [whole], tmp_path / "gan")
    with pytest.raises(InputError, match="nothing is missing"):
        run("impute indicator", [whole], tmp_path / "indicator")
    assert run("impute mean", [whole], tmp_path / "mean").tables() == whole.tables()


def test_specs_are_plain_data(data: Dataset, tmp_path: Path) -> None:
    filled = run("impute nearest", [data], tmp_path / "out")
    written = json.loads(json.dumps(filled.transforms[0].to_json()))
    assert TransformSpec.from_json(written, filled.path) == filled.transforms[0]
