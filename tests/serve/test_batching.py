from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from modelyard.serve.batching import RowJob, choose_batch

LOOP = asyncio.new_event_loop()


def make_job(length: int, key: str = "") -> RowJob:
    return RowJob({"text": "x" * length}, {}, key, LOOP.create_future())


@given(st.lists(st.tuples(st.integers(0, 50), st.sampled_from("ab")), min_size=1), st.integers(1, 10))
def test_a_batch_is_the_oldest_row_and_its_nearest_in_length(waiting: list[tuple[int, str]], most: int) -> None:
    jobs = [make_job(length, key) for length, key in waiting]
    batch = choose_batch(jobs, most)
    oldest = jobs[0]
    assert batch[0] is oldest
    mates = [job for job in jobs if job.options_key == oldest.options_key]
    assert len(batch) == len(set(batch)) == min(most, len(mates))
    far = max(abs(job.length - oldest.length) for job in batch if isinstance(job, RowJob))
    assert all(job in batch or abs(job.length - oldest.length) >= far for job in mates)


def test_of_equal_lengths_the_older_goes_first() -> None:
    jobs = [make_job(5), make_job(9), make_job(4), make_job(6), make_job(5)]
    assert choose_batch(jobs, 3) == [jobs[0], jobs[4], jobs[2]]
