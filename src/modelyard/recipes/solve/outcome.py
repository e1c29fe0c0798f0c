"""What a search found: the cheapest that meets everything, the frontier, what binds, and what to relax.

Knows trials and bounds; neither how they came about nor how they are shown.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from modelyard.core.requirement import Requirement
from modelyard.recipes.objective import Objective, total_cost
from modelyard.recipes.solve.trial import Trial


@dataclass(frozen=True)
class Relaxation:
    """A bound that would let a trial through which meets everything else."""

    requirement: Requirement
    trial: Trial
    reached: float


@dataclass(frozen=True)
class Outcome:
    """What was found.

    Attributes:
        best: what to build: the cheapest that met everything on the validation rows, else the nearest to it.
        solved: whether it met everything there.
        frontier: trials that no other one beats in every cost and every quality that is required.
        binding: requirement → how many cheaper trials it kept out; without a solution, how many trials in all.
        relaxations: without a solution, the single bounds that would have to give, and to what.
    """

    best: Trial
    solved: bool
    frontier: tuple[Trial, ...]
    binding: tuple[tuple[Requirement, int], ...]
    relaxations: tuple[Relaxation, ...]

    def to_json(self) -> dict[str, Any]:
        return {
            "best": self.best.number,
            "solved": self.solved,
            "frontier": [trial.number for trial in self.frontier],
            "binding": [
                {"measure": need.measure, "bound": need.wording, "kept_out": number} for need, number in self.binding
            ],
            "relax": [
                {"measure": item.requirement.measure, "to": item.reached, "trial": item.trial.number}
                for item in self.relaxations
            ],
        }


def conclude(
    trials: Sequence[Trial], objectives: Sequence[Objective], requirements: Sequence[Requirement]
) -> Outcome | None:
    """Choose among the trials; None where none could be built at all."""
    usable = [trial for trial in trials if trial.state in ("complete", "stopped")]
    if not usable:
        return None
    feasible = [trial for trial in usable if trial.feasible(requirements)]
    if feasible:
        best = min(feasible, key=lambda trial: (total_cost(objectives, trial.measures), trial.number))
        cost = total_cost(objectives, best.measures)
        kept_out = [trial for trial in usable if total_cost(objectives, trial.measures) < cost]
    else:
        # A trial that was measured in full says more than one that was stopped at its size or speed.
        best = min(usable, key=lambda trial: (trial.state != "complete", distance(trial, requirements), trial.number))
        kept_out = usable
    return Outcome(
        best,
        bool(feasible),
        _frontier([trial for trial in usable if trial.state == "complete"], objectives),
        _binding(kept_out, requirements),
        () if feasible else _relaxations(usable, requirements),
    )


def distance(trial: Trial, requirements: Sequence[Requirement]) -> float:
    """How far a trial is from meeting everything: the shares that its bounds are missed by, added up."""
    judged = {item.requirement: item.shortfall for item in trial.judgements}
    return sum(judged.get(need, math.inf if trial.state == "complete" else 0.0) for need in requirements)


def _binding(trials: Sequence[Trial], requirements: Sequence[Requirement]) -> tuple[tuple[Requirement, int], ...]:
    counted = [
        (need, sum(any(item.requirement == need for item in trial.broken) for trial in trials)) for need in requirements
    ]
    return tuple(sorted(((need, number) for need, number in counted if number), key=lambda item: -item[1]))


def _relaxations(trials: Sequence[Trial], requirements: Sequence[Requirement]) -> tuple[Relaxation, ...]:
    """For each requirement, the trial that fails it alone and comes nearest."""
    found = []
    for need in requirements:
        alone = [
            (item, trial)
            for trial in trials
            if trial.state == "complete" and len(trial.judgements) == len(requirements) and len(trial.broken) == 1
            for item in trial.broken
            if item.requirement == need and item.reached is not None
        ]
        if alone:
            item, trial = min(alone, key=lambda pair: (pair[0].shortfall, pair[1].number))
            found.append(Relaxation(need, trial, item.reached or 0.0))
    return tuple(found)


def _frontier(trials: Sequence[Trial], objectives: Sequence[Objective]) -> tuple[Trial, ...]:
    points = [(trial, (*trial.costs(objectives), *_losses(trial))) for trial in trials]
    return tuple(
        trial
        for trial, point in points
        if not any(beats(other, point) for _, other in points if len(other) == len(point))
    )


def _losses(trial: Trial) -> tuple[float, ...]:
    """What was required, as numbers of which less is better."""
    values = []
    for item in trial.judgements:
        value = item.found.value if item.found else None
        upward = item.requirement.upward or item.requirement.sense == "max_rise"
        values.append(math.inf if value is None else -value if upward else value)
    return tuple(values)


def beats(one: Sequence[float], other: Sequence[float]) -> bool:
    """Nowhere worse, and somewhere better."""
    return all(a <= b for a, b in zip(one, other, strict=True)) and any(a < b for a, b in zip(one, other, strict=True))
