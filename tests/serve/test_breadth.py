from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.serve.breadth import Breadth, Line

SIZES = st.lists(st.integers(4, 512), min_size=8, max_size=60, unique=True)


@given(SIZES, st.floats(0, 0.01), st.floats(1e-6, 1e-4), st.integers(1, 2048))
def test_a_line_finds_what_a_call_and_a_unit_of_size_take(
    sizes: list[int], call: float, unit: float, asked: int
) -> None:
    line = Line()
    for size in sizes:
        line.saw(size, call + unit * size)
    assert line.seconds(asked) == pytest.approx(call + unit * asked, rel=1e-3)


@given(st.lists(st.tuples(st.integers(1, 4096), st.floats(1e-5, 10)), min_size=1), st.integers(1, 4096))
def test_whatever_was_seen_time_is_positive_and_does_not_fall_with_size(
    seen: list[tuple[int, float]], size: int
) -> None:
    line = Line()
    for each in seen:
        line.saw(*each)
    assert 0 < line.seconds(size) <= line.seconds(2 * size) <= 2.001 * line.seconds(size)


def run(
    breadth: Breadth, count: int, *, call: float, unit: float, wake: float, cores: float, opens_after: int = 0
) -> None:
    """Batches of unequal size where all cores are so many times as fast, less what it takes to wake them."""
    random = np.random.default_rng(count)
    for number in range(count):
        size = int(random.integers(4, 256))
        spread = breadth.pays(size) and number >= opens_after
        seconds = call + unit * size / cores + wake if spread else call + unit * size
        breadth.saw(size, seconds * float(random.lognormal(0, 0.1)), spread=spread)


def test_long_rows_are_for_all_cores_and_short_ones_for_one() -> None:
    breadth = Breadth()
    # Nothing is known: one core. Later, all take nine tenths of its time from 312 on: 2.5 ms / 8 µs.
    assert not breadth.pays(4096)
    run(breadth, 600, call=0.005, unit=2e-5, wake=0.002, cores=2)
    assert [breadth.pays(size) for size in (8, 60, 1500, 4000)] == [False, False, True, True]


def test_where_all_cores_are_no_faster_they_are_tried_seldom() -> None:
    breadth = Breadth()
    random, spread = np.random.default_rng(1), 0
    for _ in range(4096):
        size = int(random.integers(4, 256))
        chosen = breadth.pays(size)
        spread += chosen
        breadth.saw(size, 0.005 + (0.001 if chosen else 0), spread=chosen)
    assert 0 < spread <= 0.02 * 4096
    # And seldomer with time: the model need not be open.
    run(breadth, 40_000, call=0.005, unit=2e-5, wake=0.005, cores=0.9)
    assert sum(tries(breadth, 16_000)) <= 16


def tries(breadth: Breadth, count: int) -> list[bool]:
    """Which batches of the same size are answered by all cores, to no use."""
    found = []
    for _ in range(count):
        found.append(breadth.pays(100))
        breadth.saw(100, 0.008 if found[-1] else 0.007, spread=found[-1])
    return found


def test_it_notices_when_the_machine_changes() -> None:
    breadth = Breadth()
    run(breadth, 600, call=0.005, unit=2e-5, wake=0.001, cores=0.9)
    assert not breadth.pays(200)
    run(breadth, 3000, call=0.005, unit=2e-5, wake=-0.002, cores=4)
    assert breadth.pays(200)
    run(breadth, 6000, call=0.005, unit=2e-5, wake=0.001, cores=0.9)
    assert not breadth.pays(200)


def test_what_is_answered_at_once_is_not_tried() -> None:
    breadth = Breadth()
    run(breadth, 1000, call=0.0002, unit=1e-7, wake=0.0, cores=2)
    assert not any(breadth.pays(size) for size in (1, 64, 512))


def test_a_trial_waits_until_the_model_is_open_for_all_cores() -> None:
    breadth = Breadth()
    run(breadth, 3000, call=0.005, unit=2e-5, wake=-0.002, cores=2, opens_after=2900)
    assert breadth.pays(200)


def test_the_first_calls_of_a_session_do_not_count() -> None:
    breadth = Breadth()
    run(breadth, 512 + 8, call=0.005, unit=2e-5, wake=0.0, cores=2)
    for _ in range(2):
        assert breadth.pays(200)
        breadth.saw(200, 0.1, spread=True)
    run(breadth, 6, call=0.005, unit=2e-5, wake=-0.002, cores=2)
    assert breadth.pays(200)
