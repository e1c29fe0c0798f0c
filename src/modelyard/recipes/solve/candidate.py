"""Measures one closed recipe in two stages; this is what a worker does.

Cheap first: size and speed do not depend on the values of the weights, so they are measured without the training that
follows a first conversion, and only until a bound is broken. Then everything else, judged on the validation rows: the
test rows are kept for the release that is chosen, and no choice is made on them. Both stages are plans of ordinary
nodes, kept in the yard by key, so that what two candidates have in common is done once.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

from modelyard.core.errors import ModelyardError
from modelyard.core.model import Model
from modelyard.core.requirement import Verdict
from modelyard.core.step import Step
from modelyard.recipes.plan import Node, Plan, make_plan
from modelyard.recipes.recipe import Recipe, StepCall, parse_recipe
from modelyard.recipes.run import Run
from modelyard.yard.yard import Yard

MEASURE = "modelyard.recipes.solve.candidate:measure"
CHEAP, FULL = "cheap", "full"
SPLIT, TEST, VALIDATION = "split", "test", "validation"


def measure(job: Mapping[str, Any]) -> dict[str, Any]:
    """Do one stage of one candidate.

    Args:
        job: ``recipe`` (text), ``name``, ``folder`` (of relative paths), ``yard`` (its folder) and ``stage``.

    Returns:
        ``measures`` by name, ``judged`` (what was found for each requirement, or None), ``seconds`` and ``failed``: why
        the candidate cannot be built, or nothing.
    """
    start = time.monotonic()
    yard = Yard(Path(job["yard"]))
    found: dict[str, Any] = {"measures": {}, "judged": [], "failed": ""}
    try:
        recipe = parse_recipe(job["recipe"], job["name"], Path(job["folder"]))
        run = Run(cheap_plan(recipe) if job["stage"] == CHEAP else full_plan(recipe), yard)

        def around(node: Node) -> AbstractContextManager[None]:
            return yard.measuring(alone=node.step.timed)

        def is_hopeless(node: Node) -> bool:
            measured = node.step.timed and job["stage"] == CHEAP
            return measured and any(item.verdict is Verdict.NOT_MET for item in run.judge() if item.found)

        run.execute(around=around, until=is_hopeless)
        found["measures"] = {name: measure.to_json() for name, measure in run.measures().items()}
        found["judged"] = [item.found.to_json() if item.found else None for item in run.judge()]
    except ModelyardError as error:
        found["failed"] = error.what
    return found | {"seconds": time.monotonic() - start}


def cheap_plan(recipe: Recipe) -> Plan:
    """What gives size and speed: the chain without its recovery, and the timed steps at its end.

    What a reference takes is measured only where something is required against it.
    """
    held = {(need.against, need.measure) for need in recipe.require if need.against}

    def wanted(node: Node) -> bool:
        compared = any((node.subject, name) in held for name in node.step.measures)
        return node.step.timed and (not node.subject or compared)

    plan = make_plan(replace(recipe, steps=_without_recovery(recipe.steps))).only(wanted)
    # What times two models takes longest, and is not needed where the size alone is too much.
    return replace(plan, nodes=tuple(sorted(plan.nodes, key=lambda node: node.step.timed * _models(node.step))))


def _models(step: Step) -> int:
    return sum(issubclass(parameter.kind, Model) for parameter in step.parameters)


def full_plan(recipe: Recipe) -> Plan:
    """The whole chain and what else it is judged by, on the validation rows."""
    steps = tuple(_on_validation(call) for call in recipe.steps)
    return make_plan(replace(recipe, steps=steps)).only(lambda node: not node.step.timed)


def _without_recovery(steps: tuple[StepCall, ...]) -> tuple[StepCall, ...]:
    """Training before the first conversion stays: it is common to all candidates, and ``base`` comes of it.

    So does one that cuts rows to another length, which changes how fast they are answered.
    """
    kept: list[StepCall] = []
    for call in steps:
        converted = any(before.step.converts for before in kept)
        if not converted or call.step.shrinks != "recovery" or call.options.get("max_length") is not None:
            kept.append(call)
    return tuple(kept)


def _on_validation(call: StepCall) -> StepCall:
    judges = call.step.result.kind == "report" and not call.step.timed
    if judges and call.options.get(SPLIT) == TEST:
        return replace(call, options={**call.options, SPLIT: VALIDATION})
    return call
