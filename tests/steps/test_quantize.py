"""``quantize dynamic`` on a tiny classifier."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from modelyard.core import lookup
from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.predictor import Predictor
from modelyard.core.source import Source
from modelyard.engines.local import execute
from modelyard.testing import tiny

STEP = lookup.step("quantize")


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Model:
    folder = tmp_path_factory.mktemp("classifier")
    source = Source("tiny", tiny.write_encoder(folder / "source"), "", {})
    (folder / "model").mkdir()
    return lookup.task("text-classification").adopt(source, folder / "model", data=tiny.labelled("ham", "spam"), seed=0)


@pytest.fixture(scope="module")
def graph(classifier: Model, tmp_path_factory: pytest.TempPathFactory) -> Model:
    """The classifier as a graph in float32: tracing it takes longer than quantizing it."""
    made = lookup.step("export onnxruntime").function(classifier, out=tmp_path_factory.mktemp("graph"))
    assert isinstance(made, Model)
    return made


def _quantize(model: Model, folder: Path, **options: object) -> Model:
    folder.mkdir()
    result = execute(STEP, [model], STEP.check_options(dict(options)), out=folder, scratch=folder)
    assert isinstance(result, Model)
    return result


def test_it_is_the_default_method_and_converts() -> None:
    assert STEP.name == "quantize dynamic"
    assert STEP.runtime == "onnxruntime"
    assert STEP.converts
    assert STEP.needs == {"graph"}


def test_the_same_bytes_twice_nearly_the_same_scores_and_not_again(
    classifier: Model, graph: Model, tmp_path: Path
) -> None:
    first, second = (_quantize(graph, tmp_path / name) for name in ("one", "two"))
    assert first.digest == second.digest
    assert first.settings["precision"] == "int8"
    assert first.settings["max_length"] == classifier.settings["max_length"]
    rows = [{"text": text} for text in tiny.TEXTS]
    with Predictor(classifier) as ours, Predictor(first) as theirs:
        for before, after in zip(ours.predict(rows), theirs.predict(rows), strict=True):
            assert after["scores"]["spam"] == pytest.approx(before["scores"]["spam"], abs=0.02)

    with pytest.raises(InputError, match="cannot be exported or quantized again"):
        _quantize(first, tmp_path / "again")


def test_reduced_range_is_recorded_and_leaves_weights_of_seven_bits(graph: Model, tmp_path: Path) -> None:
    quantized = _quantize(graph, tmp_path / "out", reduce_range="yes")
    assert quantized.settings["reduce_range"] is True
    body = onnx.load(quantized.path / "model.onnx").graph
    products = {name for node in body.node if node.op_type == "MatMulInteger" for name in node.input}
    weights = [onnx.numpy_helper.to_array(tensor) for tensor in body.initializer if tensor.name in products]
    assert max(int(np.abs(weight.astype(int)).max()) for weight in weights if weight.ndim == 2) == 64
