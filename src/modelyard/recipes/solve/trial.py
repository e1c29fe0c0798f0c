"""One candidate of a search: what was chosen for it, what was measured, and how far it came."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from modelyard.core.report import Measure
from modelyard.core.requirement import Judgement, Requirement
from modelyard.recipes.objective import Objective

State = Literal["new", "stopped", "failed", "complete"]


@dataclass(frozen=True)
class Stage:
    """What one stage measured, as ``candidate.measure`` gives it."""

    measures: Mapping[str, Measure]
    judged: Sequence[Measure | None]
    seconds: float
    failed: str

    @staticmethod
    def from_json(body: Mapping[str, Any]) -> Stage:
        return Stage(
            {name: Measure(**item) for name, item in body["measures"].items()},
            [Measure(**item) if item else None for item in body["judged"]],
            float(body["seconds"]),
            str(body["failed"]),
        )


@dataclass(frozen=True)
class Trial:
    """A closed recipe under trial.

    Attributes:
        number: from 1, in the order in which trials were taken up.
        choices: name of each open option → what was picked.
        label: the steps that had something open, in words.
        recipe: text of the closed recipe.
        state: ``stopped`` after the cheap stage, ``failed`` where it cannot be built, ``complete`` after both stages.
        why: why it was stopped or failed.
    """

    number: int
    choices: Mapping[str, Any]
    label: str
    recipe: str
    state: State = "new"
    why: str = ""
    measures: Mapping[str, Measure] = field(default_factory=dict)
    judgements: tuple[Judgement, ...] = ()
    seconds: float = 0.0

    def after(self, stage: Stage, requirements: Sequence[Requirement]) -> Trial:
        """The trial with what a stage found; what an earlier one found stays."""
        if stage.failed:
            return replace(self, state="failed", why=stage.failed, seconds=self.seconds + stage.seconds)
        found = zip(requirements, stage.judged, strict=True)
        known = {item.requirement: item.found for item in self.judgements if item.found}
        known |= {need: measure for need, measure in found if measure is not None}
        judgements = tuple(need.judge({need.measured: known[need]}) for need in requirements if need in known)
        return replace(
            self,
            measures={**self.measures, **stage.measures},
            judgements=judgements,
            seconds=self.seconds + stage.seconds,
        )

    @property
    def broken(self) -> tuple[Judgement, ...]:
        """What was judged and is not met."""
        return tuple(item for item in self.judgements if not item.stands)

    def feasible(self, requirements: Sequence[Requirement]) -> bool:
        """Whether all that is required was judged, and met."""
        judged = {item.requirement for item in self.judgements}
        wanted = {need for need in requirements if not need.live_only}
        return self.state == "complete" and wanted <= judged and not self.broken

    def costs(self, objectives: Sequence[Objective]) -> tuple[float, ...]:
        return tuple(objective.cost(self.measures) for objective in objectives)

    def to_json(self) -> dict[str, Any]:
        return {
            "number": self.number,
            "choices": dict(self.choices),
            "label": self.label,
            "state": self.state,
            "why": self.why,
            "measures": {name: measure.to_json() for name, measure in self.measures.items()},
            "requirements": [item.to_json() for item in self.judgements],
            "seconds": round(self.seconds, 3),
        }
