"""``uncertainty dropout`` and ``uncertainty ensemble``, and the entropies behind them."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.core.dataset import Dataset
from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.report import Report
from modelyard.methods.outcome import Outcome
from modelyard.methods.uncertainty import decompose
from modelyard.methods.uncertainty_report import judge
from modelyard.recipes.plan import make_plan
from modelyard.recipes.recipe import parse_recipe
from modelyard.sources import fetch
from modelyard.testing import check_step


def test_entropies_by_hand() -> None:
    agreeing = np.array([[[0.5, 0.5]], [[0.5, 0.5]]])
    opposed = np.array([[[1.0, 0.0]], [[0.0, 1.0]]])
    for members, total, data, knowledge in [
        (agreeing, math.log(2), math.log(2), 0.0),
        (opposed, math.log(2), 0.0, math.log(2)),
    ]:
        found = decompose(members)
        assert found.total[0] == pytest.approx(total)
        assert found.data[0] == pytest.approx(data)
        assert found.knowledge[0] == pytest.approx(knowledge)


@given(st.integers(1, 5), st.integers(1, 6), st.integers(2, 4), st.integers(0, 1000))
def test_the_parts_are_never_negative_and_make_the_whole(members: int, rows: int, classes: int, seed: int) -> None:
    drawn = np.random.default_rng(seed).dirichlet(np.full(classes, 0.3), size=(members, rows))
    found = decompose(drawn)
    assert (found.total <= math.log(classes) + 1e-9).all()
    assert (found.total - found.data >= -1e-9).all()
    assert np.allclose(found.data + found.knowledge, found.total)


def test_averaging_independent_guesses_is_seen_to_help() -> None:
    random = np.random.default_rng(0)
    targets = random.integers(0, 2, 600)
    signal = np.where(targets == 1, 1.0, -1.0)[None] + 1.5 * random.normal(size=(15, 600))
    second = 1 / (1 + np.exp(-2 * signal))
    members = np.stack([1 - second, second], axis=2)
    single = Outcome(("a", "b"), targets, members[0], np.arange(600))
    found = judge(single, members, confidence=0.95, seed=0)
    (alone, averaged) = found.tables[0].rows
    assert float(averaged[1] or 0) > float(alone[1] or 0) + 0.1
    assert float(averaged[2] or 0) < float(alone[2] or 0)
    assert found.measures["averaged_accuracy"].value == averaged[1]
    assert (found.measures["error_auc"].low or 0) > 0.5
    assert (found.measures["knowledge_uncertainty"].value or 0) > 0.05


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    random = np.random.default_rng(1)
    labels = random.integers(0, 2, 400)
    points = random.normal(size=(400, 2)) + 1.5 * labels[:, None]
    lines = [f"{x:.4f},{y:.4f},{'ab'[label]}" for (x, y), label in zip(points, labels, strict=True)]
    file = tmp_path_factory.mktemp("points") / "points.csv"
    file.write_text("\n".join(["x,y,kind", *lines]))
    options = {"columns": {"label": "kind", "features": ["x", "y"]}}
    made = check_step("load data", [fetch(str(file)), None, None], options, repeatable=False)
    assert isinstance(made, Dataset)
    return made


def network(data: Dataset, dropout: float) -> Model:
    reference, options = fetch(f"new:mlp?hidden=16&dropout={dropout}"), {"task": "tabular-classification"}
    made = check_step("load model", [reference, data], options, repeatable=False)
    assert isinstance(made, Model)
    return made


def test_dropout_tells_ambiguous_rows(data: Dataset) -> None:
    options = {"epochs": 10, "learning_rate": 0.01}
    model = check_step("finetune full", [network(data, 0.2), data], options, repeatable=False)
    report = check_step("uncertainty dropout", [model, data], {"passes": 12})
    assert isinstance(report, Report)
    found = report.findings.measures
    assert (found["knowledge_uncertainty"].value or 0) > 1e-4
    assert (found["error_auc"].value or 0) > 0.6
    assert abs((found["averaged_accuracy"].value or 0) - float(report.findings.tables[0].rows[0][1] or 0)) < 0.06
    more: Any = check_step("uncertainty dropout", [model, data], {"passes": 12, "rate": 0.6}, repeatable=False)
    assert more.findings.measures["knowledge_uncertainty"].value > found["knowledge_uncertainty"].value
    with pytest.raises(InputError, match="drops nothing"):
        check_step("uncertainty dropout", [network(data, 0.0), data])


def test_models_apart_are_held_against_one(data: Dataset) -> None:
    members = [
        check_step(
            "fit forest", [data], {"task": "tabular-classification", "n_estimators": 3, "seed": seed}, repeatable=False
        )
        for seed in range(4)
    ]
    report = check_step("uncertainty ensemble", [members[0], data, *members[1:]])
    assert isinstance(report, Report)
    alone, averaged = report.findings.tables[0].rows
    assert float(averaged[2] or 0) < float(alone[2] or 0)
    assert [series.name for series in report.findings.figures[0].series][1:] == ["entropy of the mean", "disagreement"]
    with pytest.raises(InputError, match="no other models"):
        check_step("uncertainty ensemble", [members[0], data])


RECIPE = """
modelyard: 1
name: points
task: tabular-classification
data: {source: points.csv, columns: {label: kind, features: [x, y]}}
steps:
  - fit forest
  - uncertainty ensemble: {others: ["yard:one@production", "yard:two@production"]}
require: {error_auc: ">= 0.7"}
"""


def test_a_recipe_names_the_others() -> None:
    plan = make_plan(parse_recipe(RECIPE, "points.yaml", Path()))
    (node,) = plan.reports("")
    assert node.inputs[:2] == ("1 fit forest", "data")
    assert len(node.inputs) == 4
