"""Batches by length: every row once, little padding, reproducible."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from modelyard.methods import length_batches

LENGTHS = st.lists(st.integers(1, 300), min_size=1, max_size=400)


@given(LENGTHS, st.integers(1, 4096))
def test_budget_holds_and_every_row_comes_once(lengths: list[int], budget: int) -> None:
    batches = length_batches.by_budget(lengths, budget)
    assert sorted(np.concatenate(batches).tolist()) == list(range(len(lengths)))
    for batch in batches:
        longest = max(lengths[position] for position in batch)
        assert len(batch) == 1 or len(batch) * longest <= budget


@given(LENGTHS, st.integers(1, 64), st.integers(0, 2**32))
def test_shuffled_batches_are_full_but_one_leave_no_row_alone_and_are_reproducible(
    lengths: list[int], size: int, seed: int
) -> None:
    batches = length_batches.shuffled(lengths, size, seed=seed)
    assert sorted(np.concatenate(batches).tolist()) == list(range(len(lengths)))
    full, left = divmod(len(lengths), size)
    expected = [size] * full + [left] * (left > 0)
    if left == 1 and full and size > 2:
        expected = [size] * (full - 1) + [size - 1, 2]
    assert sorted(len(batch) for batch in batches) == sorted(expected)
    again = length_batches.shuffled(lengths, size, seed=seed)
    assert all(np.array_equal(one, other) for one, other in zip(batches, again, strict=True))


def test_shuffled_batches_hold_a_tenth_of_the_padding_of_random_ones() -> None:
    lengths = np.random.default_rng(0).lognormal(3, 0.7, size=4000).astype(int) + 3

    def padding(batches: list[np.ndarray]) -> int:
        return sum(int(lengths[batch].max() * len(batch) - lengths[batch].sum()) for batch in batches)

    random = np.split(np.random.default_rng(1).permutation(4000), 125)
    assert padding(length_batches.shuffled(lengths.tolist(), 32, seed=0)) < 0.1 * padding(random)


def test_another_epoch_mixes_other_rows() -> None:
    first, second = (length_batches.shuffled([5] * 64, 32, seed=(0, epoch)) for epoch in (0, 1))
    assert set(first[0].tolist()) != set(second[0].tolist())


def test_a_few_batches_in_a_row_cover_all_lengths() -> None:
    lengths = np.random.default_rng(0).permutation(1600) + 1
    means = [lengths[batch].mean() for batch in length_batches.shuffled(lengths.tolist(), 32, seed=0)]
    for start in range(0, 50, length_batches.TURNS):
        window = sorted(means[start : start + length_batches.TURNS])
        assert all(abs(mean - 160 - 320 * fifth) <= 160 for fifth, mean in enumerate(window))
    assert means != sorted(means)
