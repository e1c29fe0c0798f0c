"""Rollouts with real traffic: a good version is promoted by itself, one that is worse in any way is rolled back."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import Any

import httpx
import pytest

from modelyard.cli.main import main
from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.report import Measure
from modelyard.core.requirement import Requirement, Verdict
from modelyard.core.rollout import Plan, Progress, State
from modelyard.serve import analysis
from modelyard.serve.canary import Canary
from modelyard.serve.following import Following, OpenVersion, open_version
from modelyard.serve.fork_server import ForkServer
from modelyard.serve.hosting import Host, Hosted
from modelyard.serve.live import Live
from modelyard.serve.metrics import Metrics
from modelyard.yard.events import Event
from modelyard.yard.registry import Version
from modelyard.yard.reviews import Sighting
from modelyard.yard.yard import Yard
from tests.serve.conftest import Serve
from tests.serve.releases import NAME, Load, Maker, ask, until

QUICK: dict[str, Any] = {
    "interval": 0.25,
    "step_weight": 50,
    "max_weight": 50,
    "threshold": 2,
    "patience": 1000,
    "mirror": 0.5,
}


@pytest.fixture(scope="module")
def maker(tmp_path_factory: pytest.TempPathFactory) -> Maker:
    folder = tmp_path_factory.mktemp("rollout")
    (folder / "work").mkdir()
    maker = Maker(Yard(folder / "yard"), folder / "work")
    maker.good(0.1)
    return maker


def open_worse(
    yard: Yard,
    version: Version,
    *,
    workers: int | None,
    memory_limit: int | None,
    beside: Sequence[Model] = (),
    opener: str,
) -> Hosted:
    source = ForkServer(yard.model(version), opener=f"tests.serve.openers:{opener}")
    return Hosted(version.name, str(version.number), source, workers or 1)


@contextmanager
def following(serve: Serve, maker: Maker, open_it: OpenVersion = open_version) -> Iterator[httpx.Client]:
    """A server of version 1 that follows production."""
    maker.yard.promote(f"{NAME}:1", force=True)
    hosted = open_version(maker.yard, maker.yard.resolve(NAME), workers=1, memory_limit=None)
    following = Following(maker.yard, [NAME], workers=1, seconds=0.02, open_it=open_it)
    with hosted.source, serve(hosted, companion=following.run) as client:
        yield client


def run(
    serve: Serve, maker: Maker, number: str, open_it: OpenVersion = open_version, **plan: Any
) -> tuple[State, Load]:
    """Roll a version out under load, to its end."""
    with following(serve, maker, open_it) as client, Load(client, 2) as load:
        started = maker.yard.start_rollout(f"{NAME}:{number}", Plan(**{**QUICK, **plan}), force=True)
        until(client, lambda _: state_of(maker) is not State.RUNNING)
        assert (maker.yard.rollout(NAME) or started).id == started.id
        state = state_of(maker)
        wanted = number if state is State.PROMOTED else "1"
        until(client, lambda version: version == wanted)
    return state, load


def state_of(maker: Maker) -> State:
    rollout = maker.yard.rollout(NAME)
    assert rollout is not None
    return rollout.state


def last_check(maker: Maker) -> Event:
    return [event for event in maker.yard.history(NAME) if event.action.startswith("rollout")][-1]


def failed_checks(event: Event) -> set[str]:
    return {item["measure"] for item in event.details["checks"] if item["verdict"] == "not met"}


def test_a_good_version_is_promoted_and_nobody_notices(
    serve: Serve, maker: Maker, capfd: pytest.CaptureFixture[str]
) -> None:
    good = maker.good(0.11)
    state, load = run(serve, maker, good, step_weight=25)
    assert state is State.PROMOTED
    assert maker.yard.resolve(NAME).reference == f"{NAME}:{good}"
    assert {status for status, _, _, _ in load.answers} == {200}
    for _, version, header, scores in load.answers:
        assert header == f"{NAME}:{version}"
        assert scores == pytest.approx(maker.answers[version], abs=1e-6)
    checks = [event for event in maker.yard.history(NAME) if event.action in ("rollout check", "rollout promoted")]
    assert {event.details["weight"] for event in checks} == {25, 50}
    assert {item["measure"] for item in checks[-1].details["checks"]} == {
        "latency_p95_ms",
        "error_rate_rise",
        "agreement",
        "prediction_shift",
    }
    assert checks[-1].details["verdict"] == "met"
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines() if '"rollout ' in line]
    assert {line["event.action"] for line in lines} == {"rollout check", "rollout promoted"}
    assert {(line["labels.model"], line["labels.version"]) for line in lines} == {(NAME, good)}
    assert all(line["modelyard"]["checks"] for line in lines)


@pytest.mark.parametrize(
    ("opener", "recipe", "why"),
    [
        ("open_failing", "modelyard: 1\n", "error_rate_rise"),
        ("open_slow", "require: {latency_p95_ms: '<= 100'}\n", "latency_p95_ms"),
    ],
)
def test_a_version_that_fails_or_is_slow_is_rolled_back(
    serve: Serve, maker: Maker, opener: str, recipe: str, why: str
) -> None:
    number = maker.good(0.12, recipe)
    state, load = run(serve, maker, number, partial(open_worse, opener=opener))
    assert state is State.ROLLED_BACK
    assert why in failed_checks(last_check(maker))
    # What the new version failed, its callers saw; the old one failed nobody.
    assert {status for status, _, _, _ in load.answers} <= {200, 500}
    assert maker.yard.resolve(NAME).reference == f"{NAME}:1"


def test_a_shadow_that_disagrees_is_seen_by_nobody(serve: Serve, maker: Maker) -> None:
    state, load = run(serve, maker, maker.contrary(), shadow=True, mirror=1.0)
    assert state is State.ROLLED_BACK
    assert "agreement" in failed_checks(last_check(maker))
    assert {(status, version) for status, version, _, _ in load.answers} == {(200, "1")}


def test_a_version_whose_answers_drift_is_rolled_back(serve: Serve, maker: Maker) -> None:
    state, _ = run(serve, maker, maker.lopsided(), mirror=0.0)
    assert state is State.ROLLED_BACK
    assert failed_checks(last_check(maker)) == {"prediction_shift"}


@pytest.mark.parametrize(
    ("drifted", "verdict"),
    [
        (Measure(0, 0, 0), Verdict.MET),
        (Measure(1, 1, 1), Verdict.NOT_MET),
        (Measure(None), Verdict.INCONCLUSIVE),
    ],
)
def test_rows_that_it_was_not_proven_on_fail_a_version_where_that_is_required(
    drifted: Measure, verdict: Verdict
) -> None:
    required = analysis.live_requirements([Requirement.parse("drifted_features", "<= 0")])
    measures = analysis.measure(Live(), Live(), drifted=drifted, compares=False, labels=False)
    found = {item.measure: item.judge(measures).verdict for item in required}
    assert found["drifted_features"] is verdict
    assert "drifted_features" not in {item.measure for item in analysis.live_requirements([])}


def test_no_traffic_is_a_failed_check(serve: Serve, maker: Maker) -> None:
    """Nobody asks: the yard alone is looked at until it is over."""
    number = maker.good(0.13)
    with following(serve, maker) as client:
        maker.yard.start_rollout(f"{NAME}:{number}", Plan(**QUICK), force=True)
        while state_of(maker) is State.RUNNING:
            client.get("/v2/health/live")
    assert state_of(maker) is State.ROLLED_BACK
    details = last_check(maker).details
    assert (details["requests"], details["verdict"], details["failed"]) == (0, "not met", 2)


def test_a_version_that_cannot_be_opened_never_begins(serve: Serve, maker: Maker) -> None:
    state, load = run(serve, maker, maker.damaged())
    assert state is State.ROLLED_BACK
    assert "digest" in last_check(maker).details["problem"]
    assert {version for _, version, _, _ in load.answers} <= {"1"}


def test_it_can_be_aborted_and_only_one_runs(
    serve: Serve, maker: Maker, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MODELYARD_HOME", str(maker.yard.home))
    number = maker.good(0.14)
    with following(serve, maker) as client:
        assert main(["rollout", f"{NAME}:{number}", "--force", "--interval", "3600", "--json"]) == 0
        until(client, lambda version: version == number)
        with pytest.raises(InputError, match="is being rolled out"):
            maker.yard.start_rollout(f"{NAME}:{number}", Plan(), force=True)
        headers = {"x-modelyard-canary": "never"}
        assert {ask(client, headers)[1] for _ in range(20)} == {"1"}
        assert {ask(client, {"x-modelyard-canary": "always"})[1] for _ in range(5)} == {number}
        assert main(["rollout", NAME, "--abort"]) == 0
        until(client, lambda _: ask(client, {"x-modelyard-canary": "always"})[1] == "1")
        assert main(["rollout", NAME, "--abort"]) == 2
    assert "no rollout" in capsys.readouterr().err


def judge_by_people(maker: Maker, number: str, *, right: int, wrong: int) -> None:
    answer = {"label": "y", "score": 0.6, "scores": {"n": 0.4, "y": 0.6}}
    seen = [Sighting(NAME, int(number), "r", row, "sample", {"age": 3.0}, answer) for row in range(right + wrong)]
    ids, _ = maker.yard.reviews.add(seen)
    for place, review in enumerate(ids):
        maker.yard.reviews.decide(review, "y" if place < right else "n", "ann")


ACCURATE = "require: {accuracy: '>= 0.9', latency_p95_ms: '<= 5000'}\n"


def test_a_version_that_people_find_wrong_is_rolled_back(
    serve: Serve, maker: Maker, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    number = maker.good(0.15, ACCURATE)
    judge_by_people(maker, number, right=5, wrong=25)
    state, _ = run(serve, maker, number)
    assert state is State.ROLLED_BACK
    assert failed_checks(last_check(maker)) == {"accuracy"}
    (found,) = [item for item in last_check(maker).details["checks"] if item["measure"] == "accuracy"]
    assert (found["value"], found["n"]) == (pytest.approx(5 / 30), 30)
    monkeypatch.setenv("MODELYARD_HOME", str(maker.yard.home))
    assert main(["promote", f"{NAME}:{number}", "--force", "--alias", "tried"]) == 0
    assert "people found 5 of 30 of its answers right" in capsys.readouterr().out


@pytest.mark.slow
def test_where_people_must_have_looked_nothing_passes_before(serve: Serve, maker: Maker) -> None:
    number = maker.good(0.16, ACCURATE)
    state, _ = run(serve, maker, number, reviewed=True, patience=2)
    assert state is State.ROLLED_BACK
    assert last_check(maker).details["verdict"] == "inconclusive"
    judge_by_people(maker, number, right=60, wrong=0)
    state, _ = run(serve, maker, number, reviewed=True)
    assert state is State.PROMOTED


@pytest.mark.slow
def test_two_servers_take_a_step_together(serve: Serve, maker: Maker) -> None:
    number = maker.good(0.17)
    plan = Plan(**{**QUICK, "interval": 0.4, "step_weight": 20, "mirror": 1.0})
    with following(serve, maker) as one, following(serve, maker) as other, Load(one, 1), Load(other, 1):
        maker.yard.start_rollout(f"{NAME}:{number}", plan, force=True)
        until(one, lambda _: state_of(maker) is not State.RUNNING)
        assert state_of(maker) is State.PROMOTED
        for client in (one, other):
            until(client, lambda version: version == number)
    begun = max(n for n, event in enumerate(maker.yard.history(NAME)) if event.action == "rollout start")
    steps = [
        event for event in maker.yard.history(NAME)[begun:] if event.action in ("rollout check", "rollout promoted")
    ]
    times = [datetime.fromisoformat(event.time).timestamp() for event in steps if event.details["verdict"] == "met"]
    assert len(times) == plan.steps
    assert all(later - earlier > 0.9 * plan.interval for earlier, later in itertools.pairwise(times))


def test_a_check_is_recorded_once_upon_what_it_was_made_of(maker: Maker) -> None:
    yard, number = maker.yard, maker.good(0.18)
    yard.promote(f"{NAME}:1", force=True)
    begun = yard.start_rollout(f"{NAME}:{number}", Plan(), force=True)
    assert yard.note_rollout(begun, Progress(1), State.RUNNING, {}, now=5.0)
    assert not yard.note_rollout(begun, Progress(1), State.RUNNING, {}, now=6.0)
    found = yard.rollout(NAME)
    assert found is not None
    assert (found.progress, found.checked) == (Progress(1), 5.0)
    assert yard.note_rollout(begun, begun.progress, State.ABORTED, {})


@pytest.mark.parametrize("weight", [1, 10, 33, 50, 100])
def test_shares_are_exact_and_evenly_spread(weight: int) -> None:
    canary = Canary("2", weight, 0.25)
    taken = [canary.takes("") for _ in range(1000)]
    for end in range(100, 1001, 100):
        assert abs(sum(taken[:end]) - end * weight / 100) <= 1
    assert sum(canary.copies() for _ in range(1000)) == 250
    assert canary.takes("always")
    assert not canary.takes("never")


def test_a_look_at_a_model_takes_no_turn_of_a_canary(serve: Serve, opened_generator: ForkServer) -> None:
    canary = Canary("2", 50, 0.0)

    async def begin(host: Host, metrics: Metrics) -> None:
        host.set_canary("chat", canary)

    versions = [Hosted("chat", number, opened_generator) for number in ("1", "2")]
    with serve(*versions, companion=begin) as client:
        assert [client.get("/v1/models/chat").status_code for _ in range(3)] == [200] * 3
    untouched = Canary("2", 50, 0.0)
    assert [canary.takes("") for _ in range(4)] == [untouched.takes("") for _ in range(4)]
