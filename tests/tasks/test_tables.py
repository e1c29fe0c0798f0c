"""Models over tables: made new, trained, quantized, scored and compared, for classes and for numbers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modelyard.core import lookup
from modelyard.core.dataset import Dataset
from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.predictor import Predictor
from modelyard.core.report import Report
from modelyard.sources import fetch
from modelyard.testing import check_runtime, check_step, check_task

COLUMNS = {"tabular-classification": {"label": "kind"}, "tabular-regression": {"target": "size"}}
TASKS = sorted(COLUMNS)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Dataset]:
    """A category and a number that decide both the class and the size, and a number that decides nothing."""
    random = np.random.default_rng(0)
    folder = tmp_path_factory.mktemp("tables")
    lines = ["colour,weight,noise,kind,size"]
    for _ in range(300):
        colour, weight, noise = random.choice(["red", "green", "blue"]), random.normal(50, 9), random.normal()
        kind = "yes" if weight + 20 * (colour == "red") > 55 else "no"
        lines.append(f"{colour},{weight:.4f},{noise:.4f},{kind},{1000 + 3 * weight + 80 * (colour == 'red'):.4f}")
    (folder / "table.csv").write_text("\n".join(lines))
    source = fetch(str(folder / "table.csv"))
    found = {}
    for task, columns in COLUMNS.items():
        options = {"columns": {**columns, "features": ["weight", "colour", "noise"]}}
        made = check_step("load data", [source, None, None], options)
        assert isinstance(made, Dataset)
        found[task] = made
    return found


@pytest.fixture(scope="module")
def trained(data: dict[str, Dataset]) -> dict[str, Model]:
    found = {}
    for task in TASKS:
        new = check_step("load model", [fetch("new:mlp?hidden=16"), data[task]], {"task": task})
        made = check_step("finetune full", [new, data[task]], {"epochs": 30, "learning_rate": 0.02})
        assert isinstance(made, Model)
        found[task] = made
    return found


def evaluate(model: Model, data: Dataset) -> Report:
    made = check_step("evaluate", [model, data])
    assert isinstance(made, Report)
    return made


def rows(data: Dataset, count: int = 5) -> list[dict[str, Any]]:
    return [{"features": row["features"]} for row in data.rows("test")[:count]]


@pytest.mark.parametrize("task", TASKS)
def test_it_keeps_the_contract(task: str, data: dict[str, Dataset], trained: dict[str, Model]) -> None:
    check_task(trained[task], rows(data[task]), tolerance=1e-3)
    check_runtime(trained[task])


def test_it_learns(data: dict[str, Dataset], trained: dict[str, Model]) -> None:
    classes, numbers = (evaluate(trained[task], data[task]).findings.measures for task in TASKS)
    assert (classes["accuracy"].value or 0) > 0.9
    assert (numbers["r2"].value or 0) > 0.95
    assert (numbers["rmse"].value or 99) < 15
    assert (numbers["rmse"].low or 0) < (numbers["rmse"].value or 0) < (numbers["rmse"].high or 0)


@pytest.mark.parametrize("task", TASKS)
def test_int8_answers_nearly_the_same(task: str, data: dict[str, Dataset], trained: dict[str, Model]) -> None:
    small = check_step("quantize dynamic", [trained[task]])
    assert isinstance(small, Model)
    assert "columns.json" in small.files
    check_task(small, rows(data[task]), tolerance=0.1 if task == TASKS[0] else 9)
    reports = [evaluate(model, data[task]) for model in (small, trained[task])]
    compared = check_step("compare", reports, {"task": task}).findings.measures  # type: ignore[attr-defined]
    assert compared["agreement"].value > 0.9 if task == TASKS[0] else compared["rmse_drop"].value > -5
    assert compared["largest_difference"].value < (0.2 if task == TASKS[0] else 20)


def test_benchmark_times_rows_of_one_size(data: dict[str, Dataset], trained: dict[str, Model]) -> None:
    options = {"batch_sizes": [1, 4], "seconds": 0.02, "rows": 10}
    made = check_step("benchmark", [trained[TASKS[0]], data[TASKS[0]]], options, repeatable=False)
    assert isinstance(made, Report)
    assert [row[0] for row in made.findings.tables[0].rows] == ["1 × 1", "4 × 1"]
    assert (made.findings.measures["throughput"].value or 0) > 0


def test_features_may_come_as_json_text(data: dict[str, Dataset], trained: dict[str, Model]) -> None:
    plain = rows(data[TASKS[0]], 2)
    with Predictor(trained[TASKS[0]]) as predictor:
        texts = [{"features": json.dumps(row["features"])} for row in plain]
        assert predictor.predict(texts) == predictor.predict(plain)
        for wrong in ("[1]", "{", "[" * 100_000, 5, '{"weight": 1, "colour": "red"}', '{"weight": NaN}'):
            with pytest.raises(InputError, match=r"row 0"):
                predictor.predict([{"features": wrong}])


def test_what_a_model_was_fitted_to_travels_with_it(data: dict[str, Dataset], trained: dict[str, Model]) -> None:
    body = json.loads((trained[TASKS[1]].path / "columns.json").read_text())
    weight, colour, _ = body["columns"]
    values = [row["features"]["weight"] for row in data[TASKS[1]].rows("train")]
    assert weight["mean"] == pytest.approx(np.mean(values))
    assert colour["categories"] == ["blue", "green", "red"]
    assert body["target"]["mean"] == pytest.approx(np.mean(data[TASKS[1]].column("train", "target")))


@pytest.mark.parametrize(
    ("reference", "columns", "message"),
    [
        ("new:forest", True, "no architecture 'forest' for this task"),
        ("new:mlp?hidden=0", True, "hidden"),
        ("new:mlp", False, "must know its data"),
    ],
)
def test_models_that_cannot_be_made(
    reference: str, columns: bool, message: str, data: dict[str, Dataset], tmp_path: Path
) -> None:
    given = data[TASKS[0]] if columns else None
    with pytest.raises(InputError) as caught:
        lookup.task(TASKS[0]).adopt(fetch(reference), tmp_path, data=given, seed=0)
    assert message in str(caught.value)


def test_a_pickled_estimator_is_refused_unopened(data: dict[str, Dataset], tmp_path: Path) -> None:
    import pickle

    (tmp_path / "model.joblib").write_bytes(pickle.dumps({"estimator": 1}))
    out = tmp_path / "out"
    out.mkdir()
    with pytest.raises(InputError, match="no weights that are safe to load") as caught:
        lookup.step("load model").function(
            fetch(str(tmp_path / "model.joblib")), data[TASKS[0]], out=out, task=TASKS[0], seed=0
        )
    assert "pickle" in str(caught.value)
    assert list(out.iterdir()) == []


def test_data_without_the_role_are_refused(data: dict[str, Dataset], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no role 'target'"):
        lookup.task(TASKS[1]).adopt(fetch("new:mlp"), tmp_path, data=data[TASKS[0]], seed=0)
