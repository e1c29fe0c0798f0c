"""``export onnxruntime`` and ``export openvino``: the contract, the same answers, half the size."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelyard.core import lookup
from modelyard.core.artifact import Artifact
from modelyard.core.model import Model
from modelyard.core.predictor import Predictor
from modelyard.core.source import Source
from modelyard.testing import check_step, tiny

ROWS = [{"text": text} for text in tiny.TEXTS]


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Model:
    folder = tmp_path_factory.mktemp("classifier")
    source = Source("tiny", tiny.write_encoder(folder / "source"), "", {})
    (folder / "model").mkdir()
    return lookup.task("text-classification").adopt(source, folder / "model", data=tiny.labelled("ham", "spam"), seed=0)


@pytest.fixture(scope="module")
def graph(classifier: Model) -> Artifact:
    return check_step("export onnxruntime", [classifier])


def test_the_default_and_what_the_plan_reads() -> None:
    assert lookup.step("export").name == "export onnxruntime"
    for name, runtime in (("export onnxruntime", "onnxruntime"), ("export openvino", "openvino")):
        step = lookup.step(name)
        assert step.converts
        assert step.needs == {"graph"}
        assert step.resulting_runtime({}, "torch") == runtime


@pytest.mark.parametrize("name", ["export onnxruntime", "export openvino"])
@pytest.mark.parametrize(("precision", "tolerance"), [("fp32", 1e-5), ("fp16", 1e-3)])
def test_the_contract_and_the_same_answers(
    classifier: Model, graph: Artifact, name: str, precision: str, tolerance: float
) -> None:
    exported = check_step(name, [graph], {"precision": precision})
    assert isinstance(exported, Model)
    assert exported.settings["precision"] == precision
    with Predictor(classifier) as before, Predictor(exported) as after:
        for ours, theirs in zip(after.predict(ROWS), before.predict(ROWS), strict=True):
            assert ours["scores"]["spam"] == pytest.approx(theirs["scores"]["spam"], abs=tolerance)


def test_a_weight_beyond_half_precision_stays_whole(tmp_path: Path) -> None:
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper

    from modelyard.runtimes.onnxruntime import half_weights

    small, large = np.ones((40, 40), np.float32), np.full((40, 40), 1e6, np.float32)
    tensors = [numpy_helper.from_array(small, "small"), numpy_helper.from_array(large, "large")]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 40])]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 40])]
    nodes = [helper.make_node("MatMul", ["x", "small"], ["h"]), helper.make_node("MatMul", ["h", "large"], ["y"])]
    graph = half_weights.store(helper.make_model(helper.make_graph(nodes, "g", inputs, outputs, tensors)))
    kinds = {tensor.name: tensor.data_type for tensor in graph.graph.initializer}
    assert kinds == {"small_half": TensorProto.FLOAT16, "large": TensorProto.FLOAT}
    assert graph.graph.node[0].op_type == "Cast"
