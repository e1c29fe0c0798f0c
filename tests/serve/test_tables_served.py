"""Models over tables: a tensor a column, in JSON and in binary, and through Triton's own client."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import tritonclient.http as triton

from modelyard.core import lookup
from modelyard.core.model import Model
from modelyard.core.predictor import Predictor
from modelyard.engines.local import execute
from modelyard.serve.fork_server import ForkServer
from modelyard.serve.hosting import Hosted
from modelyard.sources import fetch
from tests.serve.conftest import Serve

ROWS: list[dict[str, Any]] = [
    {"age": 41.0, "plan": "basic", "member": "true"},
    {"age": 7.5, "plan": "plus", "member": "false"},
]
TARGETS = {"tabular-classification": {"label": "left"}, "tabular-regression": {"target": "paid"}}


def column(name: str, datatype: str, data: list[Any]) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": [len(data)], "data": data}


INPUTS = [
    column("plan", "BYTES", ["basic", "plus"]),
    column("member", "BOOL", [True, False]),
    column("age", "FP64", [41.0, 7.5]),
]


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Model]:
    """An untrained network for classes and one for numbers, over the same three columns."""
    folder = tmp_path_factory.mktemp("tables")
    lines = [f"{n},{['basic', 'plus'][n % 2]},{n % 3 == 0},{'yn'[n % 2]},{n * 3}" for n in range(40)]
    (folder / "rows.csv").write_text("\n".join(["age,plan,member,left,paid", *lines]))
    found: dict[str, Model] = {}
    for task, answer in TARGETS.items():
        data = _run("load data", [fetch(str(folder / "rows.csv"))], folder / f"{task} data", columns=_columns(answer))
        found[task] = _run("load model", [fetch("new:mlp?hidden=8"), data], folder / task, task=task)
    return found


def _columns(answer: dict[str, str]) -> dict[str, Any]:
    return {**answer, "features": ["age", "plan", "member"]}


def _run(name: str, inputs: list[Any], out: Path, **options: Any) -> Any:
    step = lookup.step(name)
    out.mkdir()
    return execute(step, inputs, step.check_options(options), out=out, scratch=out)


def infer(client: httpx.Client, name: str, inputs: list[dict[str, Any]]) -> httpx.Response:
    return client.post(f"/v2/models/{name}/infer", json={"inputs": inputs})


def test_a_tensor_a_column(serve: Serve, tables: dict[str, Model]) -> None:
    classes, numbers = tables.values()
    with (
        Predictor(classes, threads=1) as classifier,
        Predictor(numbers, threads=1) as regressor,
        ForkServer(classes) as first,
        ForkServer(numbers) as second,
        serve(Hosted("classes", "1", first), Hosted("numbers", "1", second)) as client,
    ):
        described = client.get("/v2/models/classes").json()
        assert [(item["name"], item["datatype"]) for item in described["inputs"]] == [
            ("age", "FP64"),
            ("plan", "BYTES"),
            ("member", "BYTES"),
        ]
        assert [item["name"] for item in client.get("/v2/models/numbers").json()["outputs"]] == ["value"]
        rows = [{"features": row} for row in ROWS]
        found = {item["name"]: item["data"] for item in infer(client, "classes", INPUTS).json()["outputs"]}
        assert found["label"] == [item["label"] for item in classifier.predict(rows)]
        assert found["score"] == pytest.approx([item["score"] for item in classifier.predict(rows)])
        expected = [item["value"] for item in regressor.predict(rows)]
        (value,) = infer(client, "numbers", INPUTS).json()["outputs"]
        assert value["data"] == pytest.approx(expected)
        assert _by_triton(client, "numbers") == pytest.approx(expected)
        _check_refusals(client)


def test_a_gap_is_filled_as_it_was_in_training(serve: Serve, tmp_path: Path) -> None:
    lines = [f"{n if n % 5 else ''},{['basic', 'plus'][n % 2]},{'yn'[n % 2]}" for n in range(40)]
    (tmp_path / "rows.csv").write_text("\n".join(["age,plan,left", *lines]))
    columns = {"label": "left", "features": ["age", "plan"]}
    raw = _run("load data", [fetch(str(tmp_path / "rows.csv"))], tmp_path / "raw", columns=columns, missing="keep")
    marked = _run("impute indicator", [raw], tmp_path / "marked")
    data = _run("impute iterative", [marked], tmp_path / "filled")
    model = _run("load model", [fetch("new:mlp?hidden=8"), data], tmp_path / "model", task="tabular-classification")
    inputs = [column("age", "FP64", [41.0, None, None]), column("plan", "BYTES", ["basic", "plus", None])]
    with (
        Predictor(model, threads=1) as predictor,
        ForkServer(model) as source,
        serve(Hosted("m", "1", source)) as client,
    ):
        assert [item["name"] for item in client.get("/v2/models/m").json()["inputs"]] == ["age", "plan"]
        answer = infer(client, "m", inputs)
        assert answer.status_code == 200, answer.text
        found = {item["name"]: item["data"] for item in answer.json()["outputs"]}
        ages, plans = (item["data"] for item in inputs)
        rows = [{"features": {"age": age, "plan": plan}} for age, plan in zip(ages, plans, strict=True)]
        expected = [item["score"] for item in predictor.predict(rows)]
        assert found["score"] == pytest.approx(expected)
        assert len(set(expected)) == 3
        refused = infer(client, "m", [*inputs, column("age_missing", "FP64", [0.0, 0.0, 0.0])])
        assert refused.status_code == 422


def _by_triton(client: httpx.Client, name: str) -> list[float]:
    asked = triton.InferenceServerClient(f"{client.base_url.host}:{client.base_url.port}")
    columns = {
        "age": ("FP32", np.array([41.0, 7.5], np.float32)),
        "plan": ("BYTES", np.array([b"basic", b"plus"], dtype=object)),
        "member": ("BOOL", np.array([True, False])),
    }
    inputs = []
    for column, (datatype, values) in columns.items():
        inputs.append(triton.InferInput(column, [2], datatype))
        inputs[-1].set_data_from_numpy(values, binary_data=True)
    answer: list[float] = asked.infer(name, inputs).as_numpy("value").tolist()
    return answer


def _check_refusals(client: httpx.Client) -> None:
    plan, member, age = INPUTS
    wrong = {
        "exactly: age, plan, member": [plan, member],
        "FP64": [plan, member, column("age", "BYTES", ["41", "7"])],
        "BYTES or BOOL": [column("plan", "FP32", [1.0, 2.0]), member, age],
        "2 numbers": [plan, member, {**age, "data": [41.0, "7"]}],
        "has no value for the feature 'age'": [plan, member, {**age, "data": [41.0, None]}],
    }
    for message, inputs in wrong.items():
        answer = infer(client, "classes", inputs)
        assert answer.status_code == 422, answer.text
        assert message in answer.text
