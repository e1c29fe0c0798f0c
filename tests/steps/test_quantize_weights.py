"""``quantize weights``: blocks against their formula, and a generator that stays near the float one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from modelyard.core import lookup
from modelyard.core.model import Model
from modelyard.core.source import Source
from modelyard.runtimes.onnxruntime.weight_only import pack, to_steps
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


@given(
    arrays.arrays(np.float32, (3, 64), elements=st.floats(-100, 100, width=32)),
    st.sampled_from([4, 8]),
)
def test_a_block_is_rounded_to_half_a_step(table: np.ndarray, bits: int) -> None:
    steps, scales, offsets = to_steps(table, bits)
    assert steps.min() >= 0
    assert steps.max() < 2**bits
    found = (steps * scales[:, :, None] + offsets[:, :, None]).reshape(table.shape)
    bound = np.repeat(scales, 32, axis=1) * 0.501 + 1e-4
    assert (np.abs(found - table) <= bound).all()


@given(st.integers(0, 2**32 - 1))
def test_values_on_a_grid_come_back_as_they_were(seed: int) -> None:
    source = np.random.default_rng(seed)
    grid = source.integers(0, 16, (2, 3, 32))
    grid[:, :, 0], grid[:, :, 1] = 0, 15
    scales, offsets = (source.normal(size=(2, 3, 1)).astype(np.float16).astype(np.float32) for _ in range(2))
    table = (grid * np.abs(scales) + offsets).astype(np.float32)
    steps, found, start = to_steps(table.reshape(2, 96), 4)
    assert (steps == grid).all() or not scales.all()
    np.testing.assert_allclose(steps * found[:, :, None] + start[:, :, None], table, rtol=1e-5, atol=1e-5)


def test_two_steps_share_a_byte() -> None:
    steps = np.arange(32, dtype=np.int32).reshape(1, 1, 32) % 16
    assert pack(steps)[0, 0, :3].tolist() == [0x10, 0x32, 0x54]
