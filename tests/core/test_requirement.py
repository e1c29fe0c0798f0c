"""Requirements: reading bounds, and judging with three outcomes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.core.errors import InputError
from modelyard.core.report import Measure
from modelyard.core.requirement import Judgement, Requirement, Verdict, overall

MET, NOT_MET, INCONCLUSIVE = Verdict.MET, Verdict.NOT_MET, Verdict.INCONCLUSIVE


def verdict(bound: object, value: float | None, low: float | None = None, high: float | None = None) -> Verdict:
    requirement = Requirement.parse("accuracy", bound)
    return requirement.judge({requirement.measured: Measure(value, low, high)}).verdict


@pytest.mark.parametrize(
    ("bound", "measure", "expected"),
    [
        (">= 0.9", (0.9, 0.8, 0.95), MET),
        (">= 0.9", (0.899, 0.8, 0.95), NOT_MET),
        ("<= 15", (15.0, None, None), MET),
        ("<=1.5e1", (15.1, None, None), NOT_MET),
        (">= 0.9", (None, None, None), INCONCLUSIVE),
        ({"at_least": 0.9, "confidence": 0.95}, (0.95, 0.91, 0.98), MET),
        ({"at_least": 0.9, "confidence": 0.95}, (0.95, 0.89, 0.98), INCONCLUSIVE),
        ({"at_least": 0.9, "confidence": 0.95}, (0.85, 0.8, 0.89), NOT_MET),
        ({"at_least": 0.9, "confidence": 0.95}, (0.95, None, None), INCONCLUSIVE),
        ({"at_most": 10, "confidence": 0.95}, (8.0, 7.0, 9.0), MET),
        ({"at_most": 10, "confidence": 0.95}, (9.0, 8.0, 11.0), INCONCLUSIVE),
        ({"at_most": 10, "confidence": 0.95}, (12.0, 10.5, 13.0), NOT_MET),
        ({"at_most": 10, "confidence": 0.95}, (12.0, 10.5, None), NOT_MET),
        ({"at_most": 10, "confidence": 0.95}, (8.0, 7.0, None), INCONCLUSIVE),
        ({"at_least": 10, "confidence": 0.95}, (8.0, None, 9.0), NOT_MET),
        ({"max_drop": 0.005}, (0.004, None, None), MET),
        ({"max_drop": 0.005}, (0.006, None, None), NOT_MET),
        ({"max_drop": 0.005, "confidence": 0.95}, (0.001, -0.002, 0.004), MET),
        ({"max_drop": 0.005, "confidence": 0.95}, (0.001, -0.002, 0.006), INCONCLUSIVE),
        ({"max_drop": 0.005, "confidence": 0.95}, (0.02, 0.01, 0.03), NOT_MET),
        # A rise of 2 is a drop of -2.
        ({"max_rise": 2}, (-2.0, None, None), MET),
        ({"max_rise": 2}, (-2.1, None, None), NOT_MET),
        ({"max_rise": 2, "confidence": 0.9}, (-1.0, -1.9, -0.5), MET),
        ({"max_rise": 2, "confidence": 0.9}, (-1.0, -2.5, -0.5), INCONCLUSIVE),
        ({"max_rise": 2, "confidence": 0.9}, (-4.0, -5.0, -3.0), NOT_MET),
        ({"max_rise": 2, "confidence": 0.9}, (-4.0, None, -3.0), NOT_MET),
    ],
)
def test_known_verdicts(
    bound: object, measure: tuple[float | None, float | None, float | None], expected: Verdict
) -> None:
    assert verdict(bound, *measure) is expected


@pytest.mark.parametrize(
    "bound",
    [
        "0.9",
        "> 0.9",
        ">= ninety",
        ">= nan",
        "",
        None,
        3,
        True,
        [],
        {},
        {"at_least": 1, "at_most": 2},
        {"at_leest": 1},
        {"at_least": "1"},
        {"at_least": float("nan")},
        {"at_least": 1, "confidence": 95},
        {"at_least": 1, "against": "base"},
        {"max_drop": 0.1, "against": 3},
    ],
)
def test_what_cannot_be_judged_is_refused(bound: object) -> None:
    with pytest.raises(InputError):
        Requirement.parse("accuracy", bound)


def test_a_missing_measure_is_inconclusive_not_met() -> None:
    assert Requirement.parse("accuracy", ">= 0").judge({}).verdict is INCONCLUSIVE


def test_a_relative_bound_reads_the_paired_difference() -> None:
    requirement = Requirement.parse("f1", {"max_drop": 0.01, "against": "yard:sms@production"})
    assert requirement.measured == "f1_drop"
    assert requirement.against == "yard:sms@production"
    assert Requirement.parse("f1", {"max_drop": 0.01}).against == "base"


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6), st.floats(0, 1e6), st.sampled_from(["at_least", "at_most"]))
def test_certainty_is_never_weaker_than_the_point(bound: float, value: float, margin: float, sense: str) -> None:
    """Whatever holds with confidence holds for the value; whatever surely fails fails for it."""
    low, high = value - margin, value + margin
    sure = verdict({sense: bound, "confidence": 0.95}, value, low, high)
    point = verdict({sense: bound}, value, low, high)
    assert sure in (point, INCONCLUSIVE)


def test_one_failure_decides_and_nothing_to_judge_is_met() -> None:
    requirement = Requirement.parse("accuracy", ">= 0")
    judged = [Judgement(requirement, None, outcome) for outcome in (MET, INCONCLUSIVE, NOT_MET)]
    assert overall(judged) is NOT_MET
    assert overall(judged[:2]) is INCONCLUSIVE
    assert overall(judged[:1]) is MET
    assert overall([]) is MET


def test_what_only_traffic_shows_is_judged_in_production() -> None:
    requirement = Requirement.parse("error_rate", "<= 0.01")
    left = requirement.judge({})
    assert left.verdict is Verdict.IN_PRODUCTION
    assert left.stands
    assert left.shortfall == 0
    assert left.to_json()["verdict"] == "judged in production"
    assert requirement.judge({"error_rate": Measure(0.5)}).verdict is NOT_MET
    assert requirement.judge({"error_rate": Measure(None)}).verdict is INCONCLUSIVE
    accuracy = Requirement.parse("accuracy", ">= 0.9")
    assert accuracy.judge({}).verdict is INCONCLUSIVE
    assert overall([left]) is MET
    assert overall([left, accuracy.judge({"accuracy": Measure(0.8)})]) is NOT_MET
    assert overall([left, accuracy.judge({})]) is INCONCLUSIVE
