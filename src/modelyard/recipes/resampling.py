"""A recipe done again and again on other splits of its rows; what crossvalidation and learning curve share.

Every step of the recipe is done anew on each split, so that nothing that was fitted to other rows is let in; what
was done before is reused. Knows no statistics.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any, cast

from modelyard.core import lookup
from modelyard.core.artifact import canonical_json, hash_bytes
from modelyard.core.dataset import Dataset
from modelyard.core.errors import InputError
from modelyard.core.report import Findings, Measure, Report
from modelyard.recipes.call import Result, code_digest
from modelyard.recipes.plan import Node, Plan, make_plan
from modelyard.recipes.recipe import Recipe, StepCall
from modelyard.recipes.run import Run
from modelyard.yard.yard import Yard

OnResult = Callable[[Node, Result], None]


@dataclass(frozen=True)
class Scored:
    """One run of a recipe: what was measured, the report that says so, and the rows that it learned from."""

    measures: Mapping[str, Measure]
    report: Report
    training_rows: int
    test_rows: int


def check(recipe: Recipe) -> None:
    """Raise InputError unless the recipe has data, and a step that scores what comes out."""
    where = recipe.document.where(())
    if recipe.data is None:
        raise InputError("the recipe has no data", expected="data: {source: …}", where=where)
    if not _scoring(make_plan(recipe)):
        raise InputError(
            "nothing scores the model", expected="evaluate as a step", fix="add it at the end", where=where
        )


def score(recipe: Recipe, yard: Yard, split: str, options: Mapping[str, Any], on_result: OnResult) -> Scored:
    """Do the recipe with its rows split in another way first.

    Args:
        split: the step that splits.
        options: for it.
    """
    step = lookup.step(split)
    call = StepCall(step, step.check_options(dict(options)), ("data",))
    plan = make_plan(replace(recipe, steps=(call, *recipe.steps), require=()))
    run = Run(plan.only(lambda node: node.step.scores and not node.subject), yard)
    run.execute(on_result, lambda node: nullcontext())
    # The first: the recipe may split once more.
    data = next(run.results[node.id].artifact for node in run.plan.nodes if node.step is step)
    report = cast(Report, run.results[_scoring(run.plan)[-1].id].artifact)
    rows = cast(Dataset, data).splits
    return Scored(report.findings.measures, report, rows.get("train", 0), rows.get("test", 0))


def keep(name: str, recipe: Recipe, findings: Findings, scored: list[Scored], yard: Yard) -> Report:
    """Write the findings as a report of the yard whose parents are the reports that they come of."""
    parents = [item.report for item in scored]
    key = hash_bytes(canonical_json([name, recipe.document.text, [item.digest for item in parents], code_digest()]))
    with yard.workplace(key) as work:
        return yard.put(Report.write(work.out, findings, parents=parents))


def _scoring(plan: Plan) -> list[Node]:
    return [node for node in plan.reports("") if node.step.scores]
