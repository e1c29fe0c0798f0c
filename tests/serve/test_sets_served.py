"""Calibrated answers, conformal sets and intervals over HTTP, also where a rule answers in the model's place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import pytest

from modelyard.core import lookup
from modelyard.core.model import Model
from modelyard.core.predictor import Predictor
from modelyard.engines.local import execute
from modelyard.recipes.serve_section import serving_of
from modelyard.serve.fork_server import ForkServer
from modelyard.serve.hosting import Hosted
from modelyard.sources import fetch
from tests.serve.conftest import Serve

RULES = """
task: tabular-classification
serve:
  rules:
    - {when: "x > 100", answer: c, name: far}
"""


def run(name: str, inputs: list[Any], out: Path, **options: Any) -> Any:
    step = lookup.step(name)
    out.mkdir()
    return execute(step, inputs, step.check_options(options), out=out, scratch=out)


def test_the_server_answers_with_the_sets_of_the_model(serve: Serve, tmp_path: Path) -> None:
    lines = [f"{n % 10},{'abc'[(n % 10) // 4 if n % 3 else n % 2]}" for n in range(200)]
    (tmp_path / "rows.csv").write_text("\n".join(["x,kind", *lines]))
    options = {"columns": {"label": "kind", "features": ["x"]}, "split": {"train": 0.4, "validation": 0.6, "test": 0}}
    data = run("load data", [fetch(str(tmp_path / "rows.csv"))], tmp_path / "data", **options)
    model = run("fit linear", [data], tmp_path / "plain", task="tabular-classification")
    calibrated = run("calibrate", [model, data], tmp_path / "calibrated")
    model = cast(Model, run("conformal", [calibrated, data], tmp_path / "sets", level=0.95))
    values = [0.0, 3.0, 5.0, 200.0]
    with Predictor(model, threads=1) as predictor:
        expected = predictor.predict([{"features": {"x": value}} for value in values])
    assert len({len(item["set"]) for item in expected[:3]}) > 1
    body = {"inputs": [{"name": "x", "datatype": "FP64", "shape": [4], "data": values}]}
    with ForkServer(model) as opened, serve(Hosted("points", "1", opened, serving=serving_of(RULES))) as client:
        described = client.get("/v2/models/points").json()["outputs"]
        found = {item["name"]: item for item in client.post("/v2/models/points/infer", json=body).json()["outputs"]}
    assert {"name": "set", "datatype": "BYTES", "shape": [-1]} in described
    assert [json.loads(text) for text in found["set"]["data"]] == [*(item["set"] for item in expected[:3]), ["c"]]
    assert found["score"]["data"][:3] == [item["score"] for item in expected[:3]]


def test_the_server_answers_with_the_intervals_of_the_model(serve: Serve, tmp_path: Path) -> None:
    lines = [f"{n},{3 * n + n % 7}" for n in range(120)]
    (tmp_path / "rows.csv").write_text("\n".join(["x,y", *lines]))
    options = {"columns": {"target": "y", "features": ["x"]}, "split": {"train": 0.4, "validation": 0.4, "test": 0.2}}
    data = run("load data", [fetch(str(tmp_path / "rows.csv"))], tmp_path / "data", **options)
    plain = run("fit linear", [data], tmp_path / "plain", task="tabular-regression")
    model = cast(Model, run("conformal intervals", [plain, data], tmp_path / "intervals", level=0.8))
    found = run("evaluate", [model, data], tmp_path / "report").findings.measures
    assert 3 < found["interval_width"].value < 11
    assert found["interval_coverage"].high > 0.8
    rules = RULES.replace("classification", "regression").replace("answer: c", "answer: 7")
    body = {"inputs": [{"name": "x", "datatype": "FP64", "shape": [2], "data": [50.0, 200.0]}]}
    with ForkServer(model) as opened, serve(Hosted("points", "1", opened, serving=serving_of(rules))) as client:
        described = [item["name"] for item in client.get("/v2/models/points").json()["outputs"]]
        answer = {
            item["name"]: item["data"] for item in client.post("/v2/models/points/infer", json=body).json()["outputs"]
        }
    assert described == list(answer) == ["value", "low", "high"]
    width = found["interval_width"].value
    assert answer["high"][0] - answer["low"][0] == pytest.approx(width)
    assert answer["low"][0] < 153 < answer["high"][0]
    assert answer["value"][1] == answer["low"][1] == answer["high"][1] == 7.0
