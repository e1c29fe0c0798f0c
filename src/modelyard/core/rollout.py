"""How a new version takes over step by step: the plan, how far it is, and what one check does to it.

The words are those of Flagger and Argo Rollouts. Pure rules: no clock, no traffic, no yard.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any

from modelyard.core.errors import InputError
from modelyard.core.requirement import Verdict


class State(StrEnum):
    RUNNING = "running"
    PROMOTED = "promoted"
    ROLLED_BACK = "rolled back"
    ABORTED = "aborted"


@dataclass(frozen=True)
class Plan:
    """What a rollout does.

    Attributes:
        interval: seconds between two checks.
        step_weight: percent of the traffic that each passed check adds.
        max_weight: percent at which a passed check promotes.
        threshold: failed checks, not only in a row, that roll back.
        patience: checks in a row that cannot tell, after which it is rolled back.
        shadow: the new version answers copies only, and no caller sees what it says.
        mirror: share of the old version's requests that the new one answers too, to compare.
        reviewed: a check is passed only where people's judgement shows the accuracy that is required.
    """

    interval: float = 60.0
    step_weight: int = 10
    max_weight: int = 50
    threshold: int = 3
    patience: int = 10
    shadow: bool = False
    mirror: float = 0.2
    reviewed: bool = False

    def __post_init__(self) -> None:
        bounds = {
            "interval": (0.01, 86_400.0),
            "step_weight": (1, 100),
            "max_weight": (1, 100),
            "threshold": (1, 1000),
            "patience": (1, 1000),
            "mirror": (0.0, 1.0),
        }
        for name, (low, high) in bounds.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise InputError(f"{name}: {value:g}", expected=f"{low:g} to {high:g}")
        if self.step_weight > self.max_weight:
            raise InputError(f"step_weight {self.step_weight} is above max_weight {self.max_weight}")
        if self.shadow and not self.mirror:
            raise InputError("a shadow without copies sees nothing", fix="give mirror a share above 0")

    @property
    def steps(self) -> int:
        """Passed checks that it takes."""
        return math.ceil(self.max_weight / self.step_weight)

    def to_json(self) -> dict[str, Any]:
        return {item.name: getattr(self, item.name) for item in fields(self)}


@dataclass(frozen=True)
class Progress:
    """How far a rollout is.

    Attributes:
        passed: checks.
        failed: checks.
        unclear: checks in a row that could not tell.
    """

    passed: int = 0
    failed: int = 0
    unclear: int = 0

    def weight(self, plan: Plan) -> int:
        """Percent of the traffic that the new version has now."""
        return 0 if plan.shadow else min(plan.max_weight, plan.step_weight * (self.passed + 1))

    def after(self, plan: Plan, verdict: Verdict) -> tuple[Progress, State]:
        """What one more check leads to."""
        if verdict is Verdict.MET:
            found = Progress(self.passed + 1, self.failed, 0)
            return found, State.PROMOTED if found.passed >= plan.steps else State.RUNNING
        if verdict is Verdict.NOT_MET:
            found = Progress(self.passed, self.failed + 1, 0)
            return found, State.ROLLED_BACK if found.failed >= plan.threshold else State.RUNNING
        found = Progress(self.passed, self.failed, self.unclear + 1)
        return found, State.ROLLED_BACK if found.unclear >= plan.patience else State.RUNNING

    def to_json(self) -> dict[str, int]:
        return {item.name: getattr(self, item.name) for item in fields(self)}
