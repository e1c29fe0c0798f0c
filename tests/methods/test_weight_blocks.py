"""Weights in blocks: against the formula, and what lies on a grid comes back."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from modelyard.methods.weight_blocks import pack, to_blocks, to_steps


def test_blocks_hold_each_weight_to_half_a_step() -> None:
    table = np.random.default_rng(0).normal(size=(5, 96)).astype(np.float32)
    table[2, :32] = 0
    blocks, scales = to_blocks(table)
    assert blocks.shape == (5, 3, 32)
    restored = blocks.astype(np.float32) * scales[:, :, None]
    error = np.abs(restored.reshape(5, 96) - table).reshape(5, 3, 32).max(axis=2)
    assert (error <= scales / 2 + 1e-7).all()
    np.testing.assert_allclose(scales, np.abs(table.reshape(5, 3, 32)).max(axis=2) / 127)


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
