"""Rolls new versions out: opens them beside the old one, gives them more traffic check by check, and ends it.

What the yard says is done: a rollout is begun and aborted there, every check is recorded there with its evidence, and
a server that is started anew goes on where the last one was. Knows no HTTP.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from modelyard.core.errors import ModelyardError
from modelyard.core.requirement import Requirement, Verdict
from modelyard.core.rollout import Progress, State
from modelyard.serve import analysis, drift
from modelyard.serve.canary import Canary
from modelyard.serve.hosting import Check, Host, Opener, Served
from modelyard.serve.log import Level, model_labels, write_log
from modelyard.serve.metrics import Metrics
from modelyard.serve.promises import promised_by
from modelyard.yard.registry import Version
from modelyard.yard.rollouts import Rollout
from modelyard.yard.yard import Yard


@dataclass
class Trial:
    """A version that is being rolled out by this server.

    Attributes:
        due: time of the next check, on the event loop's clock.
        weighed: how far the rollout was when traffic was last shared out.
        checked: when this server last recorded a check.
        seen: requests that the new version had answered at the last check.
    """

    id: int
    new: Served
    promised: Sequence[Requirement]
    due: float
    weighed: Progress
    checked: float = 0.0
    seen: int = 0


class Rollouts:
    """The rollouts of a server's models.

    Args:
        opener: of a version.
        fit: makes the check of a version that is to take the place of another.
    """

    def __init__(
        self, yard: Yard, opener: Callable[[Host, Version], Opener], fit: Callable[[Served, Version], Check]
    ) -> None:
        self._yard, self._opener, self._fit = yard, opener, fit
        self._trials: dict[str, Trial] = {}

    async def look(self, host: Host, metrics: Metrics, name: str) -> None:
        """Do what is due for one name."""
        rollout = await asyncio.to_thread(self._yard.rollout, name)
        trial, served = self._trials.get(name), host.find(name)
        if trial is not None and (rollout is None or rollout.id != trial.id or rollout.state is not State.RUNNING):
            self._leave(host, metrics, name, trial, rollout.state if rollout else State.ABORTED)
        elif rollout is None or rollout.state is not State.RUNNING:
            return
        elif served.version != str(rollout.stable):
            await self._end(host, metrics, rollout, State.ABORTED, {"problem": "the alias moved meanwhile"})
        elif trial is None:
            await self._begin(host, metrics, rollout, served)
        else:
            if trial.weighed != rollout.progress:
                # Another server of this name has made a check.
                self._weigh(host, metrics, rollout, trial)
            if asyncio.get_running_loop().time() >= trial.due:
                await self._check(host, metrics, rollout, trial, served)

    async def _begin(self, host: Host, metrics: Metrics, rollout: Rollout, served: Served) -> None:
        try:
            version = await asyncio.to_thread(self._yard.resolve, f"{rollout.name}:{rollout.number}")
            promised = await asyncio.to_thread(lambda: promised_by(self._yard.release(version)))
            check = self._fit(served, version)
            new = await host.open_beside(rollout.name, str(rollout.number), self._opener(host, version), check)
        except (ModelyardError, OSError) as error:
            await self._end(host, metrics, rollout, State.ROLLED_BACK, {"problem": str(error).splitlines()[0]})
            return
        due = asyncio.get_running_loop().time() + rollout.plan.interval
        trial = self._trials[rollout.name] = Trial(rollout.id, new, promised, due, rollout.progress)
        served.live.begin_anew()
        self._weigh(host, metrics, rollout, trial)

    async def _check(self, host: Host, metrics: Metrics, rollout: Rollout, trial: Trial, old: Served) -> None:
        new, plan = trial.new, rollout.plan
        abilities = new.task.abilities
        compares = plan.mirror > 0 and "generation" not in abilities
        drifted = drift.drifted(await asyncio.to_thread(new.window.judge))
        labels = "labels" in abilities
        measures = analysis.measure(new.live, old.live, drifted=drifted, compares=compares, labels=labels)
        silent = new.live.total == trial.seen
        reviewed = await asyncio.to_thread(self._yard.reviews.agreement, rollout.name, rollout.number)
        by_people = analysis.judge_reviews(trial.promised, reviewed, needed=plan.reviewed)
        requirements = analysis.live_requirements(trial.promised)
        verdict, judgements = analysis.judge(requirements, measures, silent=silent, reviewed=by_people)
        requests, trial.seen = new.live.total - trial.seen, new.live.total
        trial.due = asyncio.get_running_loop().time() + plan.interval
        conclusive = verdict is not Verdict.INCONCLUSIVE
        if _checked_elsewhere(rollout, trial) and (silent or verdict is not Verdict.NOT_MET):
            # One step an interval, however many servers there are. What any of them finds wrong counts all the same.
            _begin_anew(new, old, conclusive=conclusive)
            return
        progress, state = rollout.progress.after(plan, verdict)
        evidence: dict[str, Any] = {
            "weight": rollout.progress.weight(plan),
            "verdict": verdict.value,
            "requests": requests,
            "checks": [item.to_json() for item in judgements],
        }
        if state is not State.RUNNING:
            await self._end(host, metrics, rollout, state, evidence, progress)
            return
        now = time.time()
        if await asyncio.to_thread(self._yard.note_rollout, rollout, progress, state, evidence, now=now):
            trial.checked = now
            write_log("rollout check", _fields(rollout.name, str(rollout.number), evidence))
            _begin_anew(new, old, conclusive=conclusive)
            self._weigh(host, metrics, replace(rollout, progress=progress), trial)

    def _weigh(self, host: Host, metrics: Metrics, rollout: Rollout, trial: Trial) -> None:
        trial.weighed = rollout.progress
        weight = rollout.progress.weight(rollout.plan)
        host.set_canary(rollout.name, Canary(str(rollout.number), weight, rollout.plan.mirror))
        metrics.rollout_weight.labels(rollout.name, str(rollout.number)).set(weight)

    async def _end(
        self,
        host: Host,
        metrics: Metrics,
        rollout: Rollout,
        state: State,
        evidence: dict[str, Any],
        progress: Progress | None = None,
    ) -> None:
        reached = progress or rollout.progress
        noted = await asyncio.to_thread(self._yard.note_rollout, rollout, reached, state, evidence)
        if not noted and await asyncio.to_thread(self._runs, rollout):
            # Another server was quicker with a check; what it led to is seen at the next look.
            return
        trial = self._trials.get(rollout.name)
        if noted and trial is None:
            self._tell(metrics, rollout.name, str(rollout.number), state, evidence)
        elif trial is not None:
            self._leave(host, metrics, rollout.name, trial, state if noted else State.ABORTED, evidence)

    def _runs(self, rollout: Rollout) -> bool:
        found = self._yard.rollout(rollout.name)
        return found is not None and found.id == rollout.id and found.state is State.RUNNING

    def _leave(
        self,
        host: Host,
        metrics: Metrics,
        name: str,
        trial: Trial,
        state: State,
        evidence: dict[str, Any] | None = None,
    ) -> None:
        """The trial is over: the new version answers everything, or nothing any more."""
        del self._trials[name]
        version = trial.new.version
        if state is State.PROMOTED:
            host.switch(name, version)
        else:
            host.retire(name, version)
        metrics.rollout_weight.remove(name, version)
        self._tell(metrics, name, version, state, evidence or {})

    def _tell(self, metrics: Metrics, name: str, version: str, state: State, evidence: dict[str, Any]) -> None:
        metrics.rollouts.labels(name, state.value).inc()
        level: Level = "warn" if state is State.ROLLED_BACK else "info"
        write_log(f"rollout {state.value}", _fields(name, version, evidence), level=level)


def _checked_elsewhere(rollout: Rollout, trial: Trial) -> bool:
    """Whether another server has recorded a check within the interval."""
    return rollout.checked != trial.checked and time.time() < rollout.checked + rollout.plan.interval


def _begin_anew(new: Served, old: Served, *, conclusive: bool) -> None:
    """A check is about what happened since the last one that could tell."""
    if conclusive:
        new.live.begin_anew()
        old.live.begin_anew()


def _fields(name: str, version: str, evidence: dict[str, Any]) -> dict[str, Any]:
    """Evidence is of no schema but ours, so it stands under our own name."""
    return {**model_labels(name, version), "error.message": evidence.get("problem", ""), "modelyard": evidence}
