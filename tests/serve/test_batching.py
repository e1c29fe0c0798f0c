from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.serve.batching import Gathering, RowJob, choose_batch
from modelyard.serve.cost import CostModel
from modelyard.serve.waiting import Caller

LOOP = asyncio.new_event_loop()
CALL, UNIT = 0.002, 0.00002
"""Seconds of a call, and of each unit of length of each row."""
COST = CostModel([(1, 2**power, CALL + UNIT * 2**power) for power in range(16)])
UNKNOWN = CostModel()


@pytest.fixture(scope="module", autouse=True)
def _loop() -> Iterator[None]:
    yield
    LOOP.close()


def make_job(length: int, key: str = "") -> RowJob:
    async def make() -> RowJob:
        return RowJob({"text": "x"}, {}, key, Gathering(1), 0, 0.0, Caller(), length)

    return LOOP.run_until_complete(make())


@given(st.lists(st.tuples(st.integers(0, 50), st.sampled_from("ab")), min_size=1), st.integers(1, 10))
def test_while_nothing_is_known_a_batch_is_the_first_row_and_its_nearest_in_length(
    waiting: list[tuple[int, str]], most: int
) -> None:
    jobs = [make_job(length, key) for length, key in waiting]
    batch = choose_batch(jobs, UNKNOWN, most=most, idle=1)
    first = jobs[0]
    assert batch[0] is first
    mates = [job for job in jobs if job.options_key == first.options_key]
    assert len(batch) == len(set(batch)) == min(most, 8, len(mates))
    far = max(abs(job.length - first.length) for job in batch if isinstance(job, RowJob))
    assert all(job in batch or abs(job.length - first.length) >= far for job in mates)


def test_of_equal_lengths_the_older_goes_first() -> None:
    jobs = [make_job(5), make_job(9), make_job(4), make_job(6), make_job(5)]
    assert choose_batch(jobs, UNKNOWN, most=3, idle=1) == [jobs[0], jobs[4], jobs[2]]


@given(st.lists(st.integers(1, 400), min_size=1, max_size=60))
def test_a_batch_never_costs_more_than_its_rows_would_alone(lengths: list[int]) -> None:
    batch = choose_batch([make_job(n) for n in lengths], COST, most=64, idle=1)
    taken = [job.length for job in batch if isinstance(job, RowJob)]
    alone = sum(COST.seconds(1, length) for length in taken)
    assert COST.seconds(len(taken), max(taken)) <= alone * (1 + 1e-9)


@pytest.mark.parametrize(("length", "expected"), [(10, 64), (100, 16), (1000, 2), (10_000, 1)])
def test_a_batch_grows_until_a_larger_one_would_hardly_be_cheaper(length: int, expected: int) -> None:
    jobs = [make_job(length)] * 100
    batch = choose_batch(jobs, COST, most=64, idle=1)
    assert len(batch) == expected
    if expected < 64:
        a_row, in_twice = (COST.seconds(rows, length) / rows for rows in (expected, 64))
        assert a_row <= 1.05 * in_twice


def test_what_waits_is_shared_out_among_workers_that_wait() -> None:
    jobs = [make_job(20) for _ in range(5)]
    assert [len(choose_batch(jobs, COST, most=64, idle=idle)) for idle in (1, 2, 3, 5, 9)] == [5, 3, 2, 1, 1]


def test_a_row_that_was_in_a_lost_worker_runs_alone() -> None:
    first, second, third = (make_job(20) for _ in range(3))
    second.losses = 1
    assert choose_batch([second, first, third], COST, most=64, idle=1) == [second]
    assert choose_batch([first, second, third], COST, most=64, idle=1) == [first, third]
