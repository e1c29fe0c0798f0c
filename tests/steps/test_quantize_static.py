"""``quantize static`` and ``quantize half`` on a tiny classifier, on both runtimes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pyarrow as pa
import pytest

from modelyard.core import lookup
from modelyard.core.dataset import Dataset
from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.predictor import Predictor
from modelyard.core.source import Source
from modelyard.engines import instructions
from modelyard.engines.calibration import calibration_arrays
from modelyard.engines.local import execute
from modelyard.testing import check_runtime, check_step, tiny

ROWS = [{"text": text} for text in tiny.TEXTS]
ALONE = {"onnxruntime": 1e-6, "openvino": 1e-3}
"""How far an answer may move with what shares its batch. OpenVINO adds in another order, and a sum on the edge
between two of the 256 values falls to the other side."""


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """An ONNX graph, so that the network is traced once."""
    folder = tmp_path_factory.mktemp("graph")
    source = Source("tiny", tiny.write_encoder(folder / "source"), "", {})
    for name in ("model", "graph"):
        (folder / name).mkdir()
    task = lookup.task("text-classification")
    model = task.adopt(source, folder / "model", data=tiny.labelled("ham", "spam"), seed=0)
    settings = lookup.runtime("onnxruntime").build(model, folder / "graph")
    return model.rewrite(folder / "graph", parents=[model], runtime="onnxruntime", settings=settings)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    columns: dict[str, list[Any]] = {
        "row": list(range(len(ROWS))),
        "text": list(tiny.TEXTS),
        "label": list(tiny.LABELS),
    }
    splits = {"train": pa.table(columns), "empty": pa.table(columns).slice(0, 0)}
    return Dataset.write(tmp_path_factory.mktemp("data"), splits, parents=[], labels=("ham", "spam"))


def _spam(model: Model, size: int) -> np.ndarray:
    """Scores of the rows, predicted in batches of ``size``."""
    with Predictor(model, threads=1) as predictor:
        answers = [row for start in range(0, len(ROWS), size) for row in predictor.predict(ROWS[start : start + size])]
    return np.array([answer["scores"]["spam"] for answer in answers])


def _make(name: str, inputs: list[Any], folder: Path, **options: object) -> Model:
    step = lookup.step(name)
    folder.mkdir()
    made = execute(step, inputs, step.check_options(dict(options)), out=folder, scratch=folder)
    assert isinstance(made, Model)
    return made


@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
def test_static_keeps_the_contract_and_answers_do_not_depend_on_the_batch(
    graph: Model, data: Dataset, runtime: str
) -> None:
    quantized = check_step("quantize static", [graph, data], {"runtime": runtime, "rows": 4})
    assert isinstance(quantized, Model)
    assert quantized.runtime == runtime
    assert quantized.settings["precision"] == "int8"
    assert quantized.settings["calibration"] == {"rows": 4, "method": "minmax"}
    assert quantized.settings["reduce_range"] == instructions.int8_overflows()
    assert quantized.settings["built_on"] == instructions.record()
    check_runtime(quantized, tolerance=1e-4)
    together, alone = _spam(quantized, len(ROWS)), _spam(quantized, 1)
    np.testing.assert_allclose(together, alone, atol=ALONE[runtime])
    assert 0 < np.abs(together - _spam(graph, 1)).max() < 0.02


@pytest.mark.parametrize(
    ("runtime", "method"), [("onnxruntime", "entropy"), ("onnxruntime", "percentile"), ("openvino", "percentile")]
)
def test_other_ways_to_a_range(graph: Model, data: Dataset, tmp_path: Path, runtime: str, method: str) -> None:
    quantized = _make("quantize static", [graph, data], tmp_path / "out", runtime=runtime, method=method)
    assert quantized.settings["calibration"] == {"rows": len(ROWS), "method": method}
    assert np.abs(_spam(quantized, 1) - _spam(graph, 1)).max() < 0.05


@pytest.mark.parametrize(("reduce_range", "largest"), [("yes", 64), ("no", 127)])
def test_weights_of_seven_bits(graph: Model, data: Dataset, tmp_path: Path, reduce_range: str, largest: int) -> None:

    quantized = _make("quantize static", [graph, data], tmp_path / "out", rows=2, reduce_range=reduce_range)
    body = onnx.load(quantized.path / "model.onnx").graph
    tables = {tensor.name: tensor for tensor in body.initializer if len(tensor.dims) == 2}
    products = {node.input[1] for node in body.node if node.op_type in ("MatMul", "Gemm")}
    widened = {node.input[0] for node in body.node if node.op_type == "DequantizeLinear" and node.output[0] in products}
    found = [np.abs(onnx.numpy_helper.to_array(tables[name]).astype(int)).max() for name in widened & set(tables)]
    assert len(found) == 14  # six in each layer, the pooler and the head
    assert max(found) == largest


def test_the_rules_for_transformers_are_used_where_there_is_attention(graph: Model, tmp_path: Path) -> None:
    """Between softmax and product, torch's exporter puts a choice that replaces what is no number."""
    from modelyard.runtimes.openvino.runtime import convert
    from modelyard.runtimes.openvino.static_weights import _has_attention

    assert _has_attention(convert(graph))
    inputs = [onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1, 4])]
    outputs = [onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1, 4])]
    nodes = [
        onnx.helper.make_node("MatMul", ["x", "w"], ["products"]),
        onnx.helper.make_node("Softmax", ["products"], ["y"]),
    ]
    weight = onnx.numpy_helper.from_array(np.eye(4, dtype=np.float32), "w")
    body = onnx.helper.make_graph(nodes, "classifier", inputs, outputs, [weight])
    opset = [onnx.helper.make_opsetid("", 20)]
    onnx.save(onnx.helper.make_model(body, opset_imports=opset, ir_version=10), tmp_path / "model.onnx")
    assert not _has_attention(convert(graph.rewrite(tmp_path, parents=[])))


def test_calibration_draws_by_seed_and_asks_for_what_the_task_reads(graph: Model, data: Dataset) -> None:
    first, again, other = (calibration_arrays(graph, data, split="train", rows=3, seed=seed) for seed in (1, 1, 2))
    assert [row["input_ids"].tolist() for row in first] == [row["input_ids"].tolist() for row in again]
    assert [row["input_ids"].tolist() for row in first] != [row["input_ids"].tolist() for row in other]
    assert all(len(row["input_ids"]) == 1 for row in first)
    assert len(calibration_arrays(graph, data, split="train", rows=1000, seed=0)) == len(ROWS)
    with pytest.raises(InputError, match="has no rows"):
        calibration_arrays(graph, data, split="empty", rows=3, seed=0)
    with pytest.raises(InputError, match="no split"):
        calibration_arrays(graph, data, split="test", rows=3, seed=0)


def test_what_cannot_be_is_said_before_anything_runs(graph: Model, data: Dataset, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="entropy"):
        _make("quantize static", [graph, data], tmp_path / "entropy", runtime="openvino", method="entropy")
    with pytest.raises(InputError, match="bf16"):
        _make("quantize half", [graph], tmp_path / "bf16", runtime="onnxruntime", compute="bf16")


@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
def test_half_keeps_the_contract_and_hardly_moves_the_answers(graph: Model, runtime: str) -> None:
    halved = check_step("quantize half", [graph], {"runtime": runtime})
    assert isinstance(halved, Model)
    assert halved.settings["precision"] == "fp16"
    if runtime == "openvino":
        assert halved.settings["compute"] == ("bf16" if instructions.bf16_pays() else "fp32")
    assert np.abs(_spam(halved, 1) - _spam(graph, 1)).max() < 0.01
