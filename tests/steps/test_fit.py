"""``fit``: estimators of scikit-learn as ONNX, with the answers of scikit-learn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LogisticRegression, Ridge

from modelyard.core import lookup
from modelyard.core.dataset import Dataset
from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.predictor import Predictor
from modelyard.formats import table_model
from modelyard.recipes.plan import make_plan
from modelyard.recipes.problems import RecipeError
from modelyard.recipes.recipe import parse_recipe
from modelyard.sources import fetch
from modelyard.testing import check_step, check_task

CASES: dict[str, tuple[str, dict[str, str]]] = {
    "breast_cancer": ("tabular-classification", {"label": "target"}),
    "wine": ("tabular-classification", {"label": "target"}),
    "diabetes": ("tabular-regression", {"target": "target"}),
}
METHODS: dict[str, tuple[dict[str, Any], Any, Any]] = {
    "fit forest": (
        {"n_estimators": 10},
        lambda: RandomForestClassifier(10, random_state=0),
        lambda: RandomForestRegressor(10, random_state=0),
    ),
    "fit boosting": (
        {"max_iter": 20},
        lambda: HistGradientBoostingClassifier(max_iter=20, early_stopping=False, random_state=0),
        lambda: HistGradientBoostingRegressor(max_iter=20, early_stopping=False, random_state=0),
    ),
    "fit linear": ({}, lambda: LogisticRegression(max_iter=1000), lambda: Ridge()),
}


@pytest.fixture(scope="module")
def data() -> dict[str, Dataset]:
    found = {}
    for name, (_, columns) in CASES.items():
        options = {"columns": {**columns, "features": "*"}, "split": {"train": 0.7, "validation": 0, "test": 0.3}}
        made = check_step("load data", [fetch(f"sklearn:{name}"), None, None], options)
        assert isinstance(made, Dataset)
        found[name] = made
    return found


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("method", METHODS)
def test_the_answers_are_scikit_learn_s(data: dict[str, Dataset], name: str, method: str) -> None:
    """Fitted here beside it, on the same codes and the same rows."""
    task, options = CASES[name][0], METHODS[method][0]
    model = check_step(method, [data[name]], {"task": task, **options})
    assert isinstance(model, Model)
    assert model.runtime == "onnxruntime"
    processor = table_model.load(model)
    train, test = (table_model.collate(processor.encode(data[name].rows(split))) for split in ("train", "test"))
    _, classifier, regressor = METHODS[method]
    estimator = classifier() if model.labels else regressor()
    estimator.fit(train["features"], train["labels"])
    with Predictor(model) as predictor:
        answers = predictor.predict_split(data[name], "test")
    if model.labels:
        expected = estimator.predict_proba(test["features"])
        found = np.array([list(answer["scores"].values()) for answer in answers])
        assert np.abs(found - expected).max() < 1e-5
    else:
        expected = estimator.predict(test["features"])
        found = np.array([answer["value"] for answer in answers])
        assert np.abs((found - processor.scale.mean) / processor.scale.deviation - expected).max() < 1e-5


def test_it_keeps_the_contract_of_its_task(data: dict[str, Dataset]) -> None:
    model = check_step("fit linear", [data["wine"]], {"task": "tabular-classification"})
    assert isinstance(model, Model)
    check_task(model, [{"features": row["features"]} for row in data["wine"].rows("test")[:4]])
    assert sorted(model.files) == ["columns.json", "model.onnx"]


def test_a_threshold_beside_a_number_sends_it_the_same_way() -> None:
    """Numbers that differ in their last bit: the threshold between them is no float32."""
    from modelyard.formats import onnx_graph
    from modelyard.steps.fit._estimator import to_graph

    low = np.float32(1.0)
    high = np.nextafter(low, np.float32(2))
    features = np.repeat(np.array([[low], [high]], dtype=np.float32), 40, axis=0)
    targets = np.repeat([0.0, 1.0], 40)
    estimator = HistGradientBoostingRegressor(max_iter=1, learning_rate=1.0, min_samples_leaf=1).fit(features, targets)
    import onnxruntime

    session = onnxruntime.InferenceSession(
        to_graph(estimator, 1, onnx_graph.OPSET).SerializeToString(), providers=["CPUExecutionProvider"]
    )
    (found,) = session.run(None, {"features": features})
    assert np.abs(found[:, 0] - estimator.predict(features)).max() < 1e-6


def test_weights_of_rows_count(data: dict[str, Dataset], tmp_path: Path) -> None:
    weighted = check_step("balance weights", [data["breast_cancer"]])
    task = {"task": "tabular-classification"}
    plain, balanced = (check_step("fit linear", [item], task) for item in (data["breast_cancer"], weighted))
    assert plain.digest != balanced.digest


RECIPE = """
modelyard: 1
name: wine
task: tabular-classification
data: {source: "sklearn:wine", columns: {label: target, features: "*"}}
steps: [fit linear, evaluate]
"""


def test_a_recipe_needs_no_model_where_a_step_makes_it(tmp_path: Path) -> None:
    plan = make_plan(parse_recipe(RECIPE, "a.yaml", tmp_path))
    assert [node.id for node in plan.nodes] == ["data", "1 fit linear", "2 evaluate"]
    assert plan.nodes[1].options["task"] == "tabular-classification"
    assert plan.model == "1 fit linear"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (RECIPE + "model: new:mlp\n", "'model' is not used: 'fit linear' makes the model"),
        (RECIPE.replace("fit linear, ", ""), "the key 'model' is missing"),
        (RECIPE.replace("[fit linear", "[fit linear, finetune"), "'finetune full' needs 'gradients'"),
    ],
)
def test_recipes_that_do_not_fit_together(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(RecipeError) as caught:
        make_plan(parse_recipe(text, "a.yaml", tmp_path))
    assert message in str(caught.value)


def test_other_tasks_are_refused(data: dict[str, Dataset], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the task text-classification"):
        lookup.step("fit linear").function(data["wine"], out=tmp_path, task="text-classification")
    with pytest.raises(InputError, match="no role 'target'"):
        lookup.step("fit linear").function(data["wine"], out=tmp_path, task="tabular-regression")
