"""What ``evaluate`` finds beside the scores: over-fitting, worst slices, curves of several classes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modelyard.core.dataset import Dataset
from modelyard.core.model import Model
from modelyard.core.report import Findings
from modelyard.recipes.plan import make_plan
from modelyard.recipes.problems import RecipeError
from modelyard.recipes.recipe import parse_recipe
from modelyard.sources import fetch
from modelyard.testing import check_step

COLUMNS = {"label": "kind", "target": "size", "channel": "channel", "features": ["x", "y"]}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Three classes in the plane; rows from the fax are labelled by chance and measured badly."""
    random = np.random.default_rng(0)
    labels = random.integers(0, 3, 1500)
    points = random.normal(size=(1500, 2)) + 3 * np.array([[0, 0], [1, 0], [0, 1]])[labels]
    fax = random.random(1500) < 0.15
    said = np.where(fax, random.integers(0, 3, 1500), labels)
    sizes = points.sum(axis=1) + random.normal(size=1500) * np.where(fax, 5, 0.1)
    lines = [
        f"{x:.4f},{y:.4f},{'abc'[label]},{size:.4f},{'fax' if by_fax else 'web'}"
        for (x, y), label, size, by_fax in zip(points, said, sizes, fax, strict=True)
    ]
    file = tmp_path_factory.mktemp("rows") / "rows.csv"
    file.write_text("\n".join(["x,y,kind,size,channel", *lines]))
    options = {"columns": COLUMNS, "split": {"train": 0.5, "validation": 0, "test": 0.5}}
    found = check_step("load data", [fetch(str(file)), None, None], options, repeatable=False)
    assert isinstance(found, Dataset)
    return found


def evaluated(data: Dataset, task: str, fit: str = "fit forest", **options: Any) -> Findings:
    given = {"n_estimators": 20} if fit == "fit forest" else {}
    model = check_step(fit, [data], {"task": task, **given}, repeatable=False)
    assert isinstance(model, Model)
    report: Any = check_step("evaluate", [model, data], options)
    findings: Findings = report.findings
    return findings


def test_a_forest_that_learned_by_heart_is_told_so(data: Dataset) -> None:
    found = evaluated(data, "tabular-classification")
    gap = found.measures["accuracy_gap"]
    assert (gap.low or 0) > 0.05
    assert any(note.startswith("The model has over-fitted: accuracy is ") for note in found.notes)
    assert [figure.title for figure in found.figures] == [
        "Confusion matrix",
        "Calibration",
        "ROC curve",
        "Precision–recall curve",
        "Training rows against test",
        "Worst slices",
    ]
    assert [series.name for series in found.figures[2].series] == ["a", "b", "c"]
    linear = evaluated(data, "tabular-classification", "fit linear")
    assert (linear.measures["accuracy_gap"].low or 0) < 0
    assert any("No over-fitting seen" in note for note in linear.notes)


def test_the_worst_slice_is_named_for_classes_and_for_numbers(data: Dataset) -> None:
    for task in ("tabular-classification", "tabular-regression"):
        found = evaluated(data, task, "fit linear")
        (table,) = (table for table in found.tables if table.title == "Worst slices")
        assert table.rows[0][0] == "channel = fax"
        assert "channel = fax" in found.notes[-1]
        assert float(table.rows[0][6] or 0) < 0.001


def test_both_can_be_left_out(data: Dataset) -> None:
    found = evaluated(data, "tabular-classification", "fit linear", gap_rows=0, smallest_slice=None)
    assert "accuracy_gap" not in found.measures
    assert not {"Worst slices", "Training rows against test"} & {table.title for table in found.tables}


RECIPE = """
modelyard: 1
name: rows
task: tabular-classification
data: {source: rows.csv, columns: {label: kind, features: [x, y]}}
steps: [fit linear, %s]
require: {accuracy_gap: "<= 0.02"}
"""


def test_a_recipe_may_bound_the_gap() -> None:
    assert make_plan(parse_recipe(RECIPE % "evaluate", "rows.yaml", Path())).reports("")
    with pytest.raises(RecipeError, match="no step measures 'accuracy_gap'"):
        make_plan(parse_recipe(RECIPE % "benchmark", "rows.yaml", Path()))
