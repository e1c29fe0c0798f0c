"""The rules of a rollout: which checks add weight, which end it, and how."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.core.errors import InputError
from modelyard.core.requirement import Verdict
from modelyard.core.rollout import Plan, Progress, State

VERDICTS = st.lists(st.sampled_from(list(Verdict)), max_size=60)


def follow(plan: Plan, verdicts: list[Verdict]) -> tuple[Progress, State, list[int]]:
    """Progress, state and the weights on the way, up to the end of the rollout."""
    progress, weights = Progress(), [Progress().weight(plan)]
    for verdict in verdicts:
        progress, state = progress.after(plan, verdict)
        if state is not State.RUNNING:
            return progress, state, weights
        weights.append(progress.weight(plan))
    return progress, State.RUNNING, weights


def test_weights_rise_to_the_most_and_then_it_is_promoted() -> None:
    _, state, weights = follow(Plan(step_weight=20, max_weight=50), [Verdict.MET] * 3)
    assert (state, weights) == (State.PROMOTED, [20, 40, 50])


def test_a_failed_check_holds_and_the_third_rolls_back() -> None:
    met, failed = Verdict.MET, Verdict.NOT_MET
    progress, state, weights = follow(Plan(), [met, failed, met, failed, Verdict.INCONCLUSIVE, failed])
    assert (state, progress.failed, weights) == (State.ROLLED_BACK, 3, [10, 20, 20, 30, 30, 30])


def test_checks_that_cannot_tell_do_not_go_on_for_ever() -> None:
    plan = Plan(patience=3)
    unclear = Verdict.INCONCLUSIVE
    assert follow(plan, [unclear, unclear, Verdict.MET, unclear, unclear])[1] is State.RUNNING
    assert follow(plan, [unclear] * 3)[1] is State.ROLLED_BACK


@given(VERDICTS, st.integers(1, 40), st.integers(40, 100), st.integers(1, 5), st.integers(1, 5), st.booleans())
def test_it_is_promoted_only_by_as_many_passed_checks_as_there_are_steps(
    verdicts: list[Verdict], step: int, most: int, threshold: int, patience: int, shadow: bool
) -> None:
    plan = Plan(step_weight=step, max_weight=most, threshold=threshold, patience=patience, shadow=shadow)
    progress, state, weights = follow(plan, verdicts)
    assert (state is State.PROMOTED) == (progress.passed == plan.steps)
    assert weights == sorted(weights)
    assert all(weight <= most for weight in weights)
    if shadow:
        assert set(weights) == {0}
    if state is State.RUNNING:
        assert progress.failed < threshold
        assert progress.unclear < patience


@pytest.mark.parametrize(
    "wrong",
    [
        {"interval": 0},
        {"step_weight": 0},
        {"max_weight": 101},
        {"threshold": 0},
        {"mirror": 1.5},
        {"step_weight": 60},
        {"shadow": True, "mirror": 0.0},
    ],
)
def test_plans_that_make_no_sense(wrong: dict[str, float]) -> None:
    with pytest.raises(InputError):
        Plan(**wrong)  # type: ignore[arg-type]
