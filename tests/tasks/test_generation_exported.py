"""Text generation on the ONNX Runtime: the same tokens as on torch, and nearly the same in int8."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from modelyard.core import lookup
from modelyard.core.model import Model
from modelyard.core.predictor import Predictor
from modelyard.core.source import Source
from modelyard.tasks.text_generation.task import TextGeneration
from modelyard.testing import tiny

TASK = TextGeneration()
ROWS = [{"text": text} for text in tiny.TEXTS]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    source = Source("tiny", tiny.write_causal(tmp_path_factory.mktemp("source")), "", {})
    return TASK.adopt(source, tmp_path_factory.mktemp("model"), data=None, seed=0)


@pytest.fixture(scope="module")
def exported(model: Model, tmp_path_factory: pytest.TempPathFactory) -> Model:
    folder = tmp_path_factory.mktemp("exported")
    settings = lookup.runtime("onnxruntime").build(model, folder)
    return model.rewrite(folder, parents=[model], runtime="onnxruntime", settings=settings)


def test_the_export_generates_the_same_tokens(model: Model, exported: Model) -> None:
    greedy = {"max_tokens": 24}
    sampled = {"max_tokens": 12, "temperature": 0.8, "sequences": 3, "seed": 1}
    with Predictor(model, threads=1) as ours, Predictor(exported, threads=1) as theirs:
        for options in (greedy, sampled):
            assert theirs.predict(ROWS, **options) == ours.predict(ROWS, **options)
        assert theirs.predict(ROWS[:1], **greedy) == ours.predict(ROWS[:1], **greedy)


def test_int8_blocks_stay_near_the_float_logits(model: Model, exported: Model, tmp_path: Path) -> None:
    quantized = lookup.step("quantize").function(exported, out=tmp_path)
    assert isinstance(quantized, Model)
    assert quantized.settings["blocks"] == 32
    graph = onnx.load(tmp_path / "model.onnx").graph
    assert {"MatMulNBits", "GatherBlockQuantized"} <= {node.op_type for node in graph.node}
    # Nothing but norms and small constants is left in float32.
    floats = [tensor for tensor in graph.initializer if tensor.data_type == onnx.TensorProto.FLOAT]
    assert all(len(tensor.dims) < 2 or tensor.name.endswith("_scales") for tensor in floats)
    prepared = TASK.processor(model)
    batch = TASK.collate(prepared, TASK.encode(prepared, ROWS))
    logits = []
    for one in (model, quantized):
        session = lookup.runtime(one.runtime).open(one, threads=1)
        logits.append(np.asarray(session.run(batch)["logits"])[batch["attention_mask"] == 1])
        session.close()
    assert 0 < np.abs(logits[0] - logits[1]).max() < 0.05 * np.ptp(logits[0])
