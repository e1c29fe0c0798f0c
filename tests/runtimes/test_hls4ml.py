"""FPGA models: the C simulation answers as the network does, up to its fixed-point numbers."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from modelyard.core import lookup
from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.source import Source
from modelyard.formats import dense_chain
from modelyard.testing import check_runtime, check_step, tiny
from tests.extras import needs

pytestmark = [needs("hls4ml", "hls4ml"), pytest.mark.slow]
needs_compiler = pytest.mark.skipif(shutil.which("g++") is None, reason="the C simulation needs g++")

RUNTIME = lookup.runtime("hls4ml")


@pytest.fixture(scope="module")
def exported(network: Model) -> Model:
    made = check_step("export hls4ml", [network], {"bits": 18, "integer_bits": 6})
    assert isinstance(made, Model)
    return made


def answers(model: Model, features: dict[str, np.ndarray]) -> np.ndarray:
    session = lookup.runtime(model.runtime).open(model)
    found = np.asarray(session.run(features)["logits"])
    session.close()
    return found


@needs_compiler
def test_the_simulation_answers_as_the_network_does(
    network: Model, exported: Model, features: dict[str, np.ndarray]
) -> None:
    ours, reference = answers(exported, features), answers(network, features)
    assert 0 < np.abs(ours - reference).max() < 0.02
    assert (ours.argmax(1) == reference.argmax(1)).mean() >= 0.98


@needs_compiler
@pytest.mark.slow
def test_the_contract_and_the_cost_of_fewer_bits(
    network: Model, exported: Model, features: dict[str, np.ndarray], tmp_path: Path
) -> None:
    check_runtime(exported)
    settings = RUNTIME.build(network, tmp_path, precision="ap_fixed<8,4>")
    coarse = network.rewrite(tmp_path, parents=[network], runtime="hls4ml", settings=settings)
    reference = answers(network, features)
    errors = [np.abs(answers(model, features) - reference).max() for model in (exported, coarse)]
    assert errors[0] < errors[1]


def test_the_project_is_whole_and_names_no_place(exported: Model) -> None:
    assert {"hls/firmware/network.cpp", "hls/project.tcl"} <= set(exported.files)
    text = b"".join((exported.path / name).read_bytes() for name in exported.files)
    assert b"/tmp/" not in text
    assert str(Path.home()).encode() not in text


def test_a_machine_without_a_compiler(exported: Model, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match=r"g\+\+ is not installed"):
        RUNTIME.open(exported)


@pytest.mark.parametrize("device", ["cuda", "fpga"])
def test_a_device_that_is_not_there(exported: Model, device: str) -> None:
    with pytest.raises(InputError, match="device"):
        RUNTIME.open(exported, device=device)


def test_a_network_that_is_no_chain_is_refused(tmp_path: Path) -> None:
    source = Source("tiny", tiny.write_encoder(tmp_path / "source"), "", {})
    (tmp_path / "model").mkdir()
    task = lookup.task("text-classification")
    classifier = task.adopt(source, tmp_path / "model", data=tiny.labelled("ham", "spam"), seed=0)
    (tmp_path / "out").mkdir()
    with pytest.raises(InputError, match="no chain of dense layers"):
        RUNTIME.build(classifier, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def graph(nodes: list[onnx.NodeProto], **constants: np.ndarray) -> onnx.ModelProto:
    tensors = [numpy_helper.from_array(value.astype(np.float32), name) for name, value in constants.items()]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3])]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)]
    return helper.make_model(helper.make_graph(nodes, "g", inputs, outputs, tensors))


def test_affine_operators_become_one_layer() -> None:
    """Scaling, a product, sums and normalization: the same answers as ONNX's reference implementation."""
    generator = np.random.default_rng(0)
    constants: dict[str, Any] = {
        "m": generator.normal(size=3),
        "s": generator.uniform(1, 2, 3),
        "w": generator.normal(size=(3, 4)),
        "b": generator.normal(size=4),
        "v": generator.normal(size=(5, 4)),
        "c": generator.normal(size=5),
        "g": generator.uniform(1, 2, 5),
        "h": generator.normal(size=5),
        "one": np.array(1.0),
        "mean": generator.normal(size=5),
        "variance": generator.uniform(1, 2, 5),
    }
    nodes = [
        helper.make_node("Sub", ["x", "m"], ["a0"]),
        helper.make_node("Div", ["a0", "s"], ["a1"]),
        helper.make_node("MatMul", ["a1", "w"], ["a2"]),
        helper.make_node("Add", ["b", "a2"], ["a3"]),
        helper.make_node("Relu", ["a3"], ["a4"]),
        helper.make_node("Gemm", ["a4", "v", "c"], ["a5"], transB=1, alpha=0.5),
        helper.make_node("BatchNormalization", ["a5", "g", "h", "mean", "variance"], ["a6"], epsilon=0.01),
        helper.make_node("Tanh", ["a6"], ["a7"]),
        helper.make_node("Sigmoid", ["a7"], ["a8"]),
        helper.make_node("Sub", ["one", "a8"], ["y"]),
    ]
    model = graph(nodes, **constants)
    rows = generator.normal(size=(6, 3)).astype(np.float32)
    expected = onnx.reference.ReferenceEvaluator(model).run(None, {"x": rows})[0]  # type: ignore[index]
    functions: dict[str, Callable[[np.ndarray], np.ndarray]] = {
        "relu": lambda z: np.maximum(z, 0),
        "tanh": np.tanh,
        "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
        "linear": lambda z: z,
    }
    found = rows.astype(np.float64)
    chain = dense_chain.read(model)
    for layer in chain:
        found = functions[layer.activation](found @ layer.weight + layer.bias)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert [layer.activation for layer in chain] == ["relu", "tanh", "sigmoid", "linear"]


@pytest.mark.parametrize(
    "nodes",
    [
        [helper.make_node("Softmax", ["x"], ["y"])],
        [helper.make_node("Div", ["m", "x"], ["y"])],
        [helper.make_node("Add", ["x", "x"], ["y"])],
        [helper.make_node("Relu", ["m"], ["z"]), helper.make_node("Add", ["x", "z"], ["y"])],
        [helper.make_node("Relu", ["x"], ["y"]), helper.make_node("Relu", ["y"], ["z"])],
    ],
)
def test_anything_else_is_refused(nodes: list[onnx.NodeProto]) -> None:
    with pytest.raises(InputError, match="no chain of dense layers"):
        dense_chain.read(graph(nodes, m=np.ones(3)))
