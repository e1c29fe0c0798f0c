"""``quantize weights``: a generator that stays near the float one."""

from __future__ import annotations

import numpy as np
import pytest

from modelyard.core import lookup
from modelyard.core.model import Model
from modelyard.core.source import Source
from modelyard.testing import check_step, tiny


@pytest.fixture(scope="module")
def generator(tmp_path_factory: pytest.TempPathFactory) -> Model:
    source = Source("tiny", tiny.write_causal(tmp_path_factory.mktemp("source")), "", {})
    return lookup.task("text-generation").adopt(source, tmp_path_factory.mktemp("model"), data=None, seed=0)


@pytest.fixture(scope="module")
def exported(generator: Model, tmp_path_factory: pytest.TempPathFactory) -> Model:
    """The same as a graph in float32: tracing a generator takes far longer than quantizing it."""
    made = lookup.step("export onnxruntime").function(generator, out=tmp_path_factory.mktemp("graph"))
    assert isinstance(made, Model)
    return made


def logits(model: Model) -> np.ndarray:
    arrays, _ = lookup.task(model.task).export_example(model)
    session = lookup.runtime(model.runtime).open(model, threads=1)
    try:
        given = {name: array for name, array in arrays.items() if name in session.input_names}
        return np.asarray(session.run(given)["logits"])
    finally:
        session.close()


@pytest.mark.parametrize("options", [{"bits": 4}, {"bits": 8}, {"bits": 4, "activations": "int8"}])
def test_answers_stay_near_the_float_model(generator: Model, exported: Model, options: dict[str, object]) -> None:
    made = check_step("quantize weights", [exported], options)
    assert isinstance(made, Model)
    assert made.runtime == "onnxruntime"
    assert (made.path / "model.onnx").stat().st_size < (exported.path / "model.onnx").stat().st_size
    difference = np.abs(logits(made) - logits(generator)).max() / np.abs(logits(generator)).max()
    assert difference < (0.2 if options["bits"] == 4 else 0.03)


def test_more_bits_are_nearer(generator: Model, exported: Model) -> None:
    far, near = (check_step("quantize weights", [exported], {"bits": bits}, repeatable=False) for bits in (4, 8))
    assert isinstance(far, Model)
    assert isinstance(near, Model)
    expected = logits(generator)
    assert np.abs(logits(near) - expected).max() < np.abs(logits(far) - expected).max()
