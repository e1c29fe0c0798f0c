"""What "cheapest" means: the measures that a search makes small, or large."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modelyard.core.report import Measure
from modelyard.recipes.problems import Problems

EXPECTED = "a measure, {maximize: measure}, or a list of these"


@dataclass(frozen=True)
class Objective:
    """One measure; less of it is cheaper, or more where it is maximized."""

    measure: str
    maximize: bool = False

    @property
    def wording(self) -> str:
        return f"most {self.measure}" if self.maximize else f"least {self.measure}"

    def cost(self, measures: Mapping[str, Measure]) -> float:
        """The logarithm of the measure, negative where it is maximized; infinite where it was not measured.

        Differences of logarithms are ratios, so that costs in milliseconds and in megabytes can be added.
        """
        found = measures.get(self.measure)
        if found is None or found.value is None or found.value <= 0:
            return math.inf
        return -math.log(found.value) if self.maximize else math.log(found.value)


def read_objective(value: Any, problems: Problems) -> tuple[Objective, ...]:
    """What a recipe says under ``objective``; nothing where the key is left out."""
    items = value if isinstance(value, list) else [] if value is None else [value]
    found = []
    for item in items:
        if isinstance(item, str):
            found.append(Objective(item))
        elif isinstance(item, dict) and list(item) == ["maximize"] and isinstance(item["maximize"], str):
            found.append(Objective(item["maximize"], maximize=True))
        else:
            problems.add(("objective",), f"objective: {item!r}", expected=EXPECTED)
    if value is not None and not items:
        problems.add(("objective",), "objective names no measure", expected=EXPECTED)
    return tuple(found)


def total_cost(objectives: Sequence[Objective], measures: Mapping[str, Measure]) -> float:
    """One number to choose by: the logarithm of the product of all costs.

    A tenth faster counts as much as a tenth smaller, whatever the units.
    """
    return sum(objective.cost(measures) for objective in objectives)
