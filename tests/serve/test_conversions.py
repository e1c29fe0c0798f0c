"""Every conversion once more through the server: what it answers is what the model answers without one."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pyarrow as pa
import pytest

from modelyard.core import lookup
from modelyard.core.dataset import Dataset
from modelyard.core.model import Model
from modelyard.core.predictor import Predictor
from modelyard.engines.local import execute
from modelyard.serve.fork_server import ForkServer
from modelyard.serve.hosting import Hosted
from modelyard.serve.limits import Limits
from modelyard.testing.tiny import LABELS, TEXTS
from tests.serve.conftest import Serve, infer_body

CONVERSIONS: dict[str, tuple[str, dict[str, Any], float]] = {
    "onnx": ("export onnxruntime", {"precision": "fp16"}, 1e-6),
    "openvino": ("export openvino", {}, 1e-6),
    "static": ("quantize static", {}, 1e-6),
    # It adds in another order there, and a sum between two of the 256 values falls to the other side.
    "nncf": ("quantize static", {"runtime": "openvino"}, 1e-3),
    # One range for all that share a batch: neighbours move an answer.
    "dynamic": ("quantize dynamic", {}, 0.02),
}
"""Name → step, options, and how far an answer may move with what shares its batch."""


@pytest.fixture(scope="module")
def converted(torch_classifier: Model, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Model]:
    folder = tmp_path_factory.mktemp("converted")
    table = pa.table({"row": list(range(len(TEXTS))), "text": list(TEXTS), "label": list(LABELS)})
    (folder / "data").mkdir()
    data = Dataset.write(folder / "data", {"train": table}, parents=[], labels=("ham", "spam"))
    graph = _run("export onnxruntime", [torch_classifier], {}, folder / "graph")
    made = {}
    for name, (step, options, _) in CONVERSIONS.items():
        inputs = [graph, data] if step == "quantize static" else [graph]
        made[name] = _run(step, inputs, options, folder / name)
    return made


def _run(name: str, inputs: list[Any], options: dict[str, Any], folder: Path) -> Model:
    step = lookup.step(name)
    folder.mkdir()
    made = execute(step, inputs, step.check_options(options), out=folder, scratch=folder)
    assert isinstance(made, Model)
    return made


def _scores(client: httpx.Client, name: str, *texts: str) -> np.ndarray:
    outputs = {
        item["name"]: item
        for item in client.post(f"/v2/models/{name}/infer", json=infer_body(*texts)).json()["outputs"]
    }
    return np.reshape(outputs["scores"]["data"], outputs["scores"]["shape"])


def test_the_server_answers_as_the_model_does(serve: Serve, converted: dict[str, Model]) -> None:
    with (
        ExitStack() as opened,
        serve(
            *(Hosted(name, "1", opened.enter_context(ForkServer(model))) for name, model in converted.items())
        ) as client,
    ):
        for name, model in converted.items():
            with Predictor(model, threads=1) as predictor:
                alone = [predictor.predict([{"text": text}])[0]["scores"] for text in TEXTS]
            expected = np.array([list(scores.values()) for scores in alone])
            tolerance = CONVERSIONS[name][2]
            np.testing.assert_allclose(_scores(client, name, *TEXTS), expected, atol=tolerance, err_msg=name)
            one_by_one = np.concatenate([_scores(client, name, text) for text in TEXTS])
            np.testing.assert_allclose(one_by_one, expected, atol=1e-6, err_msg=name)


def test_where_every_row_runs_alone_answers_are_the_very_same(serve: Serve, converted: dict[str, Model]) -> None:
    with ForkServer(converted["dynamic"]) as source, Predictor(converted["dynamic"], threads=1) as predictor:
        alone = [predictor.predict([{"text": text}])[0]["scores"] for text in TEXTS]
        with serve(Hosted("dynamic", "1", source), limits=Limits(batch_rows=1)) as client:
            scores = _scores(client, "dynamic", *TEXTS)
    assert scores.tolist() == [list(item.values()) for item in alone]


def test_answers_move_with_what_shares_their_batch_only_as_far_as_is_stated(converted: dict[str, Model]) -> None:
    moved = {}
    for name, model in converted.items():
        with Predictor(model, threads=1) as predictor:
            together = predictor.predict([{"text": text} for text in TEXTS])
            alone = [predictor.predict([{"text": text}])[0] for text in TEXTS]
        moved[name] = max(abs(a["score"] - b["score"]) for a, b in zip(together, alone, strict=True))
        assert moved[name] <= CONVERSIONS[name][2], name
    # The tolerance of dynamic scales is no mere caution.
    assert moved["dynamic"] > moved["static"]
