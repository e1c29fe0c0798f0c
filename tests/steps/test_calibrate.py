"""``calibrate``, ``conformal`` and ``abstain``: what they fit travels with the model, through runtimes and recipes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modelyard.core.artifact import Artifact
from modelyard.core.dataset import ROW_ID, Dataset
from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.predictor import Predictor
from modelyard.core.report import Report
from modelyard.core.source import Source
from modelyard.methods import temperature
from modelyard.recipes.plan import make_plan
from modelyard.recipes.problems import RecipeError
from modelyard.recipes.recipe import parse_recipe
from modelyard.sources import fetch
from modelyard.testing import check_step, check_task


def made(name: str, inputs: list[Artifact | Source | None], **options: Any) -> Any:
    return check_step(name, inputs, options, repeatable=False)


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Three overlapping classes of points, so that no model can be sure."""
    random = np.random.default_rng(0)
    labels = random.integers(0, 3, 900)
    points = random.normal(size=(900, 2)) + 1.2 * np.array([[0, 0], [1, 0], [0, 1]])[labels]
    lines = [f"{x:.4f},{y:.4f},{'abc'[label]}" for (x, y), label in zip(points, labels, strict=True)]
    file = tmp_path_factory.mktemp("tables") / "points.csv"
    file.write_text("\n".join(["x,y,kind", *lines]))
    options = {"columns": {"label": "kind", "features": ["x", "y"]}}
    split = {"train": 0.3, "validation": 0.35, "test": 0.35}
    data = made("load data", [fetch(str(file)), None, None], **options, split=split)
    assert isinstance(data, Dataset)
    return data


@pytest.fixture(scope="module")
def boosted(tables: Dataset) -> Model:
    """Boosted until it knows the training rows by heart, it is far too sure."""
    model = made("fit boosting", [tables], task="tabular-classification", min_samples_leaf=3)
    assert isinstance(model, Model)
    return model


@pytest.mark.parametrize("method", ["calibrate temperature", "calibrate isotonic"])
def test_calibration_lowers_the_error_on_rows_it_was_not_fitted_to(
    boosted: Model, tables: Dataset, method: str
) -> None:
    model = check_step(method, [boosted, tables])
    assert isinstance(model, Model)
    before, after = (made("evaluate", [item, tables]).findings.measures for item in (boosted, model))
    assert (after["calibration_error"].value or 1) < 0.6 * (before["calibration_error"].value or 0)
    assert (after["log_loss"].value or 9) < (before["log_loss"].value or 0)
    if method == "calibrate temperature":
        assert after["accuracy"].value == before["accuracy"].value
    check_task(model, [{"features": row["features"]} for row in tables.rows("test")[:4]])


def test_the_temperature_is_that_of_every_runtime_and_of_the_next_step(tables: Dataset) -> None:
    model = made("load model", [fetch("new:mlp?hidden=4"), tables], task="tabular-classification")
    calibrated = made("calibrate temperature", [model, tables])
    value = calibrated.answers[0].options["temperature"]
    with Predictor(model) as predictor:
        plain = predictor.predict_split(tables, "test")
    expected = temperature.scale(np.array([list(item["scores"].values()) for item in plain]), value)
    assert abs(value - 1) > 0.01
    exported = [made(f"export {runtime}", [calibrated]) for runtime in ("onnxruntime", "openvino")]
    for moved in (calibrated, *exported):
        with Predictor(moved) as predictor:
            answers = predictor.predict_split(tables, "test")
        found = np.array([list(item["scores"].values()) for item in answers])
        assert np.abs(found - expected).max() < 1e-5
    explained = made("explain occlusion", [calibrated, tables], rows=4).findings.rows.to_pylist()
    told = {row: max(scores) for row, scores in zip(tables.column("test", ROW_ID), found.tolist(), strict=True)}
    for item in explained:
        assert item["answer"] == pytest.approx(told[item["row"]], abs=1e-5)
    assert not made("finetune full", [calibrated, tables], epochs=0.1).answers
    assert not made("finetune adversarial", [calibrated, tables], epochs=0.1, iterations=1).answers
    assert not made("prune magnitude", [calibrated, tables], epochs=0.1).answers
    with pytest.raises(InputError, match="model 1 changes its answers: temperature"):
        made("ensemble average", [calibrated, model])


@pytest.mark.parametrize("method", ["lac", "aps"])
def test_conformal_sets_are_answered_and_measured(boosted: Model, tables: Dataset, method: str) -> None:
    calibrated = made("calibrate temperature", [boosted, tables])
    model = check_step("conformal sets", [calibrated, tables], {"method": method, "level": 0.8})
    assert isinstance(model, Model)
    with Predictor(model) as predictor:
        answers = predictor.predict_split(tables, "test")
    truth = tables.column("test", "label")
    covered = np.mean([label in answer["set"] for label, answer in zip(truth, answers, strict=True)])
    assert all(answer["set"][0] == answer["label"] for answer in answers)
    report = made("evaluate", [model, tables])
    coverage, size = (report.findings.measures[name] for name in ("set_coverage", "set_size"))
    assert coverage.value == pytest.approx(covered)
    assert (coverage.low or 1) < 0.8 < (coverage.high or 0) or covered > 0.8
    assert size.value == pytest.approx(np.mean([len(answer["set"]) for answer in answers]))
    assert 1 < (size.value or 0) < 3
    assert "Conformal sets" in [table.title for table in report.findings.tables]


def test_sets_by_class_keep_the_promise_to_each_class(tables: Dataset) -> None:
    linear = made("fit linear", [tables], task="tabular-classification")
    model = made("conformal", [linear, tables], level=0.85, by_class=True)
    thresholds = model.answers[0].options["thresholds"]
    assert len(set(thresholds)) == 3
    (table,) = (item for item in made("evaluate", [model, tables]).findings.tables if item.title == "Conformal sets")
    assert min(row[1] for row in table.rows) > 0.72


def test_abstention_is_measured(boosted: Model, tables: Dataset) -> None:
    report = check_step("abstain", [boosted, tables], {"coverage": 0.5})
    assert isinstance(report, Report)
    found = report.findings.measures
    accuracy = made("evaluate", [boosted, tables]).findings.measures["accuracy"].value
    assert (found["accuracy_at_coverage"].value or 0) > accuracy
    assert (found["aurc"].value or 1) < 1 - accuracy
    assert report.findings.figures[0].title == "Risk and coverage"


def test_what_cannot_be_fitted_is_refused(boosted: Model, tables: Dataset) -> None:
    forest = made("fit forest", [tables], task="tabular-classification", n_estimators=3)
    with pytest.raises(InputError, match="rows has no probability at all"):
        made("calibrate temperature", [forest, tables])
    calibrated = made("calibrate isotonic", [boosted, tables])
    with pytest.raises(InputError, match="has isotonic already"):
        made("calibrate temperature", [calibrated, tables])
    with pytest.raises(InputError, match=r"cannot promise a coverage of 0\.999"):
        made("conformal", [boosted, tables], level=0.999)
    with pytest.raises(InputError, match="of the class 'a' in the split"):
        made("conformal", [boosted, tables], level=0.999, by_class=True)
    sets = made("conformal", [boosted, tables])
    with pytest.raises(InputError, match="answers with sets already"):
        made("conformal", [sets, tables])
    with pytest.raises(InputError, match="has conformal already"):
        made("calibrate temperature", [sets, tables])


@pytest.mark.parametrize("method", ["constant", "quantiles"])
def test_conformal_intervals_are_answered_and_measured(method: str, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    x = random.uniform(0, 10, 600)
    lines = [f"{a:.4f},{b:.4f}" for a, b in zip(x, 2 * x + x * random.normal(size=600), strict=True)]
    (tmp_path / "rows.csv").write_text("\n".join(["x,y", *lines]))
    options = {"columns": {"target": "y", "features": ["x"]}, "split": {"train": 0.3, "validation": 0.4, "test": 0.3}}
    rows = made("load data", [fetch(str(tmp_path / "rows.csv")), None, None], **options)
    plain = made("fit linear", [rows], task="tabular-regression")
    model = check_step("conformal intervals", [plain, rows], {"method": method, "level": 0.8})
    assert isinstance(model, Model)
    with Predictor(model) as predictor:
        answers = predictor.predict_split(rows, "test")
    truth = rows.column("test", "target")
    covered = np.mean([item["low"] <= target <= item["high"] for target, item in zip(truth, answers, strict=True)])
    widths = {round(item["high"] - item["low"], 6) for item in answers}
    assert (len(widths) == 1) == (method == "constant")
    found = made("evaluate", [model, rows]).findings
    assert found.measures["interval_coverage"].value == pytest.approx(covered)
    assert (found.measures["interval_coverage"].low or 1) < 0.8 < (found.measures["interval_coverage"].high or 0)
    assert "Conformal intervals" in [table.title for table in found.tables]
    with pytest.raises(InputError, match="with intervals already"):
        made("conformal intervals", [model, rows])
    with pytest.raises(InputError, match="240 rows in the split"):
        made("conformal intervals", [plain, rows], level=0.999)


RECIPE = """
modelyard: 1
name: points
task: tabular-classification
data:
  source: points.csv
  columns: {label: kind, features: [x, y]}
steps:
  - fit forest
%s
  - evaluate
require:
  set_coverage: ">= 0.8"
"""


def test_a_recipe_may_require_what_the_sets_cover() -> None:
    plan = make_plan(parse_recipe(RECIPE % "  - calibrate\n  - conformal", "points.yaml", Path()))
    assert [node.id for node in plan.reports("")] == ["4 evaluate"]
    assert plan.base == "1 fit forest"
    with pytest.raises(RecipeError, match="no step measures 'set_coverage'"):
        make_plan(parse_recipe(RECIPE % "  - calibrate", "points.yaml", Path()))
