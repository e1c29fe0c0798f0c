"""Solve: from a recipe with open options to a numbered release. Puts the parts in order; each does its own work."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from modelyard.core.artifact import canonical_json, hash_bytes
from modelyard.core.dataset import Dataset
from modelyard.core.errors import InputError, ModelyardError, suggestion
from modelyard.core.report import Report
from modelyard.engines.jobs import Engine
from modelyard.formats.document import Document
from modelyard.recipes.auto import expand_auto
from modelyard.recipes.build import Built, build
from modelyard.recipes.call import Result, code_digest, machine
from modelyard.recipes.objective import Objective
from modelyard.recipes.open_options import Alternatives, Closing, Numbers, check_open, find_open
from modelyard.recipes.plan import Node, Plan, make_plan
from modelyard.recipes.problems import Problems, RecipeError
from modelyard.recipes.recipe import Recipe, check_recipe, read_document
from modelyard.recipes.run import Run
from modelyard.recipes.solve.budget import Budget
from modelyard.recipes.solve.candidate import VALIDATION
from modelyard.recipes.solve.findings import describe_search
from modelyard.recipes.solve.journal import Journal
from modelyard.recipes.solve.outcome import Outcome, conclude
from modelyard.recipes.solve.study import Study
from modelyard.recipes.solve.trial import Trial
from modelyard.recipes.start import Start, foretell
from modelyard.yard.yard import Yard

PREFERRED = ("cost_per_million", "latency_p50_ms")
"""What is cheap where the recipe does not say: the first of these that is measured, and the size."""
SIZE = "size_mb"


@dataclass(frozen=True)
class Solved:
    """A finished search with the release that came of it; ``recipe`` is the file that says how to build it again."""

    built: Built
    outcome: Outcome
    trials: tuple[Trial, ...]
    report: Report
    recipe: Path
    ended: str

    def to_json(self) -> dict[str, Any]:
        """What ``--json`` prints: all that ``build`` does, and the search."""
        search = {
            "recipe": str(self.recipe),
            "ended": self.ended,
            **self.outcome.to_json(),
            "trials": [trial.to_json() for trial in self.trials],
        }
        return {**self.built.to_json(), "search": search}


@dataclass(frozen=True)
class Question:
    """A checked recipe with open options, what is known of its model, and one way to close it that can be planned."""

    document: Document
    folder: Path
    start: Start
    plan: Plan

    def check(self, closed: Document) -> None:
        """Raise InputError where the parts of a closed recipe do not fit together."""
        make_plan(check_recipe(closed, self.folder), self.start)


def solve(
    path: Path,
    yard: Yard,
    engine: Engine,
    *,
    budget: Budget,
    objectives: Sequence[Objective] = (),
    on_trial: Callable[[Trial], None] = lambda trial: None,
    on_result: Callable[[Node, Result], None] = lambda node, result: None,
) -> Solved:
    """Search the open options of a recipe for the cheapest release that meets what it requires, and build that.

    Args:
        path: the recipe; the closed one is written beside it as ``NAME.solved.yaml``.
        yard: where results, measurements and the release are kept.
        engine: where trials are done.
        budget: how long, and how many.
        objectives: what cheap means, in place of what the recipe says.
        on_trial: called with each trial when it is done with.
        on_result: called after each step of the final build.

    Raises:
        InputError: the recipe cannot be used; nothing ran.
        ModelyardError: no trial could be built.
    """
    question = read_question(path)
    # What can be done with the model is known once it was fetched.
    question = read_question(path, Run(question.plan, yard).find_start())
    wanted = tuple(objectives) or question.plan.recipe.objective or _default_objectives(question.plan)
    _check_objectives(wanted, question.plan)
    key = _key(question, wanted, yard)
    with yard.searching(key):
        study = Study(
            question.document,
            wanted,
            question.plan.recipe.require,
            engine,
            Journal(yard.search_folder(key)),
            budget,
            question.plan.recipe.seed,
            {"name": solved_path(path).name, "folder": str(question.folder), "yard": str(yard.home)},
            question.check,
            on_trial,
        )
        study.run()
    outcome = conclude(study.trials, wanted, study.requirements)
    if outcome is None:
        whys = [trial.why for trial in study.trials if trial.why]
        raise ModelyardError(
            "no trial could be built", expected="one that can", fix=whys[0] if whys else "give more --minutes"
        )
    report = _write_report(key, study, outcome, yard)
    recipe = solved_path(path)
    recipe.write_text(
        f"# {outcome.best.label}\n# found by modelyard solve {path.name}\n{outcome.best.recipe}", encoding="utf-8"
    )
    built = build(recipe, yard, search=report, on_result=on_result)
    return Solved(built, outcome, tuple(study.trials), report, recipe, study.ended)


def solved_path(path: Path) -> Path:
    """Where the closed recipe of an open one is written."""
    return path.with_name(f"{path.stem}.solved.yaml")


def read_question(path: Path, start: Start | None = None) -> Question:
    """Read a recipe with open options, and check every value that they admit.

    Args:
        start: what is known of the model. Left out, that is what can be told before anything is fetched.

    Raises:
        InputError: it is no recipe, or it leaves nothing open.
        RecipeError: a search stands in a wrong place or admits a wrong value, or nothing that it admits can be planned.
    """
    document, folder = read_document(path), path.resolve().parent
    problems = Problems(document)
    check_open(document, problems)
    problems.raise_if_any()
    if not find_open(document):
        raise InputError(
            "the recipe leaves nothing open",
            expected="{search: [2, 4, 6]} as the value of an option, or auto as a step",
            fix=f"modelyard build {path.name}",
            where=document.name,
        )
    start = start or foretell(document.value.get("model"), folder)
    document = expand_auto(document, start)
    recipes = _check_values(document, folder)
    errors: list[InputError] = []
    for recipe in recipes:
        try:
            return Question(document, folder, start, make_plan(recipe, start))
        except InputError as error:
            errors.append(error)
    raise errors[0]


def _check_values(document: Document, folder: Path) -> list[Recipe]:
    """One recipe for each value that an option admits, so that a wrong one is found before anything runs."""
    wanted: list[dict[str, Any]] = [{}]
    recipes: list[Recipe] = []
    problems: dict[str, InputError] = {}
    known: set[str] = set()
    for fixed in wanted:
        asked: dict[str, Alternatives] = {}

        def pick(name: str, offered: Alternatives, fixed: dict[str, Any] = fixed, asked: Any = asked) -> Any:
            asked[name] = offered
            return fixed.get(name, offered.low if isinstance(offered, Numbers) else 0)

        closing = Closing(document, pick)
        closed = closing.close()
        for name, offered in asked.items():
            if name not in known:
                known.add(name)
                values = [offered.high] if isinstance(offered, Numbers) else range(1, len(offered))
                wanted += [{**fixed, name: value} for value in values]
        try:
            recipes.append(check_recipe(replace(document, value=closed, lines=closing.lines), folder))
        except RecipeError as error:
            problems |= {str(problem): problem for problem in error.problems}
    if problems:
        raise RecipeError(list(problems.values()))
    return recipes


def _measured(plan: Plan) -> set[str]:
    """Names of what the timed steps at the end of the chain measure."""
    return {name for node in plan.reports("") for name in node.step.measures}


def _default_objectives(plan: Plan) -> tuple[Objective, ...]:
    measured = _measured(plan)
    chosen = [name for name in PREFERRED if name in measured][:1] + [name for name in (SIZE,) if name in measured]
    if not chosen:
        raise InputError(
            "nothing says what is cheap: no step measures size or speed",
            expected=f"a step that measures {', '.join([*PREFERRED, SIZE])}",
            fix="add benchmark at the end of steps, or name an objective",
            where=plan.recipe.document.where(("steps",)),
        )
    return tuple(Objective(name) for name in chosen)


def _check_objectives(objectives: Sequence[Objective], plan: Plan) -> None:
    measured = _measured(plan)
    for objective in objectives:
        if objective.measure not in measured:
            raise InputError(
                f"objective: no step measures {objective.measure!r}",
                fix=suggestion(objective.measure, measured),
                where=plan.recipe.document.where(("objective",)),
            )


def _key(question: Question, objectives: Sequence[Objective], yard: Yard) -> str:
    """Equal keys stand for equal searches: the same question about the same bytes, asked by the same code and machine.

    Raises:
        InputError: what the recipe refers to cannot be used, or there are no rows to judge candidates on.
    """
    run = Run(question.plan, yard)
    run.preview()
    _check_validation(question, yard)
    body = [
        question.document.value,
        run.lock.to_json(),
        [[objective.measure, objective.maximize] for objective in objectives],
        code_digest(),
        machine(),
    ]
    return hash_bytes(canonical_json(body))


def _check_validation(question: Question, yard: Yard) -> None:
    """Load the data, and see that there is something to judge candidates on."""
    plan = question.plan
    loading = Run(replace(plan, nodes=tuple(node for node in plan.nodes if node.id == "data")), yard)
    loading.execute()
    judges = any(node.step.scores for node in plan.nodes)
    for result in loading.results.values():
        if judges and isinstance(result.artifact, Dataset) and not result.artifact.splits.get(VALIDATION):
            raise InputError(
                "candidates are judged on validation rows, and the data have none",
                expected="a share for validation",
                fix="data: {split: {train: 0.7, validation: 0.1, test: 0.2}}",
                where=question.document.where(("data",)),
            )


def _write_report(key: str, study: Study, outcome: Outcome, yard: Yard) -> Report:
    findings = describe_search(study.trials, outcome, study.objectives, study.requirements, study.ended)
    with yard.workplace(f"report of {key}") as work:
        return yard.put(Report.write(work.out, findings, parents=[]))
