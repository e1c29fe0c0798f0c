"""Learning rates against the customary values and the published schedules."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.methods.learning_rate import Schedule, factor, for_size


@pytest.mark.parametrize(("parameters", "rate"), [(85_000_000, 5e-5), (302_000_000, 2e-5), (10_600_000, 2e-4)])
def test_rate_follows_the_size_of_the_network(parameters: int, rate: float) -> None:
    assert for_size(parameters) == pytest.approx(rate, rel=0.1)


def test_rate_stays_in_bounds() -> None:
    assert for_size(1) == 1e-3
    assert for_size(10**12) == 1e-5


@pytest.mark.parametrize("schedule", ["linear", "cosine"])
def test_schedules_are_those_of_transformers(schedule: Schedule) -> None:
    import torch
    from transformers import get_scheduler

    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    reference = get_scheduler(schedule, optimizer, num_warmup_steps=0, num_training_steps=50)
    for step in range(50):
        assert factor(step, 50, schedule=schedule, warmup=0.0) == pytest.approx(reference.get_last_lr()[0], abs=1e-12)
        optimizer.step()
        reference.step()


def test_step_schedule_falls_to_a_tenth_after_each_third() -> None:
    found = [factor(step, 9, schedule="step", warmup=0.0) for step in range(9)]
    assert found == pytest.approx([1, 1, 1, 0.1, 0.1, 0.1, 0.01, 0.01, 0.01])


@given(
    st.sampled_from(["linear", "cosine", "step", "constant"]), st.integers(1, 300), st.floats(0, 1), st.integers(0, 299)
)
def test_factor_is_above_zero_and_at_most_one(schedule: Schedule, total: int, warmup: float, step: int) -> None:
    assert 0 < factor(step % total, total, schedule=schedule, warmup=warmup) <= 1


@given(st.integers(10, 300), st.floats(0.1, 0.9))
def test_warmup_rises_to_the_peak(total: int, warmup: float) -> None:
    rising = [factor(step, total, schedule="constant", warmup=warmup) for step in range(round(warmup * total) + 1)]
    assert rising == sorted(rising)
    assert rising[-1:] == ([1.0] if len(rising) <= total else rising[-1:])
