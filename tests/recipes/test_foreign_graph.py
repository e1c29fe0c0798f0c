"""A recipe that starts from an ONNX file of others: built, judged, served; training is refused before anything runs."""

from __future__ import annotations

import csv
from pathlib import Path

import jsonschema
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from modelyard.core.errors import InputError
from modelyard.core.predictor import Predictor
from modelyard.formats.document import parse
from modelyard.recipes.build import build, preview
from modelyard.recipes.plan import make_plan
from modelyard.recipes.problems import RecipeError
from modelyard.recipes.recipe import parse_recipe
from modelyard.recipes.schema import recipe_schema
from modelyard.recipes.solve.solving import read_question
from modelyard.serve.fork_server import ForkServer
from modelyard.serve.hosting import Hosted
from modelyard.yard.yard import Yard
from tests.serve.conftest import Serve, serve  # noqa: F401

RECIPE = """\
modelyard: 1
name: shapes
task: tabular-classification
model: {source: ./shapes.onnx, labels: [round, square, flat]}
data:
  source: ./shapes.csv
  columns: {label: shape, features: [height, width]}
steps:
  - quantize dynamic
  - evaluate
require:
  accuracy: {max_drop: 0.2, against: base}
"""
BOUND = "{max_drop: 0.2, against: base}"
WEIGHTS = np.array([[1.0, -1.0, 0.2], [-0.5, 1.0, 0.4]], dtype=np.float32)


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MODELYARD_HOME", str(tmp_path / "yard"))
    body = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "shapes",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 2])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 3])],
        [numpy_helper.from_array(WEIGHTS, "w")],
    )
    onnx.save(helper.make_model(body, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), "shapes.onnx")
    values = np.random.default_rng(0).normal(size=(120, 2))
    names = np.array(["round", "square", "flat"])[(values @ WEIGHTS).argmax(axis=1)]
    with Path("shapes.csv").open("w", newline="") as file:
        csv.writer(file).writerow(["height", "width", "shape"])
        csv.writer(file).writerows([*row, name] for row, name in zip(values.tolist(), names, strict=True))
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    return tmp_path / "recipe.yaml"


def test_it_is_built_judged_and_served(recipe: Path, serve: Serve) -> None:  # noqa: F811
    yard = Yard.default()
    built = build(recipe, yard)
    assert built.verdict.value == "met"
    model = yard.model(built.version)
    assert model.labels == ("round", "square", "flat")
    rows = [{"features": {"height": 1.5, "width": -1.0}}, {"features": {"height": -1.5, "width": 1.0}}]
    with Predictor(model, threads=1) as predictor:
        expected = predictor.predict(rows)
    assert [answer["label"] for answer in expected] == ["round", "square"]
    with ForkServer(model) as source, serve(Hosted("shapes", "1", source)) as client:
        columns = {"height": [1.5, -1.5], "width": [-1.0, 1.0]}
        body = {
            "inputs": [
                {"name": name, "shape": [2], "datatype": "FP64", "data": values} for name, values in columns.items()
            ]
        }
        answer = client.post("/v2/models/shapes/infer", json=body).json()
    outputs = {item["name"]: item["data"] for item in answer["outputs"]}
    assert outputs["label"] == ["round", "square"]
    assert outputs["score"] == pytest.approx([answer["score"] for answer in expected], abs=1e-6)


@pytest.mark.parametrize(("step", "line"), [("finetune", 9), ("prune neurons", 9), ("export litert", 9)])
def test_training_it_is_refused_before_anything_runs(recipe: Path, step: str, line: int) -> None:
    recipe.write_text(RECIPE.replace("quantize dynamic", step).replace(BOUND, '">= 0.6"'))
    for attempt in (build, preview):
        with pytest.raises(RecipeError) as caught:
            attempt(recipe, Yard.default())
        assert f"line {line}" in str(caught.value) or f":{line}" in str(caught.value)
        assert "on the runtime 'onnxruntime' does not offer" in str(caught.value)
        assert "as it was before it came to 'onnxruntime'" in str(caught.value)
    assert list((recipe.parent / "yard").rglob("*.onnx")) == []


def test_auto_searches_what_can_be_done_with_it(recipe: Path) -> None:
    recipe.write_text(RECIPE.replace("quantize dynamic", "auto").replace(BOUND, '">= 0.6"'))
    text = str(read_question(recipe).document.value["steps"])
    assert "quantize dynamic" in text
    assert "prune" not in text
    assert "distill" not in text


def test_a_release_on_that_runtime_starts_there_too(recipe: Path) -> None:
    build(recipe, Yard.default())
    again = RECIPE.replace("{source: ./shapes.onnx, labels: [round, square, flat]}", "yard:shapes:1")
    again = again.replace("name: shapes", "name: again").replace("quantize dynamic", "finetune")
    again = again.replace(BOUND, '">= 0.6"')
    recipe.write_text(again)
    with pytest.raises(RecipeError, match="does not offer"):
        build(recipe, Yard.default())


def test_a_missing_environment_is_said_before_anything_runs(recipe: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELYARD_TENSORFLOW_PYTHON", str(recipe.parent / "nowhere"))
    (recipe.parent / "saved").mkdir()
    (recipe.parent / "saved" / "saved_model.pb").write_bytes(b"anything")
    recipe.write_text(RECIPE.replace("./shapes.onnx", "./saved"))
    with pytest.raises(InputError, match=r"there is no .*nowhere") as caught:
        build(recipe, Yard.default())
    assert "pip install tensorflow-cpu==" in caught.value.fix
    assert list((recipe.parent / "yard").rglob("*.parquet")) == []


def test_options_of_the_model_are_checked_and_published() -> None:
    make_plan(parse_recipe(RECIPE, "recipe.yaml", Path()))
    jsonschema.validate(parse(RECIPE, "recipe.yaml").value, recipe_schema())
    for old, new, said in (
        ("labels:", "lables:", "did you mean 'labels'?"),
        ("source: ./shapes.onnx, ", "", "model: None"),
        ("labels: [round, square, flat]", "outputs: maybe", "'maybe'"),
        ("labels: [round, square, flat]", "task: text-classification", "said once"),
        ("./shapes.onnx", "yard:shapes:1", "taken as it is"),
        ("{source: ./shapes.onnx, labels: [round, square, flat]}", "[1]", "model: [1]"),
    ):
        with pytest.raises(RecipeError) as caught:
            parse_recipe(RECIPE.replace(old, new), "recipe.yaml", Path())
        assert said in str(caught.value)
