"""A search as findings: the frontier drawn, every trial in a table, what binds and what to relax. Decides nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from modelyard.core.report import Figure, Findings, Measure, Series, Table
from modelyard.core.requirement import Requirement
from modelyard.recipes.objective import Objective
from modelyard.recipes.solve.outcome import Outcome
from modelyard.recipes.solve.trial import Trial

Axis = tuple[str, Callable[[Trial], float | None]]
Cells = list[str | float | int | None]


def describe_search(
    trials: Sequence[Trial],
    outcome: Outcome,
    objectives: Sequence[Objective],
    requirements: Sequence[Requirement],
    ended: str,
) -> Findings:
    """What the report of the release says of the search."""
    tables = [_trials(trials, outcome, objectives, requirements), _binding(outcome), _relaxations(outcome)]
    figures = _figures(trials, outcome, objectives, requirements)
    return Findings({}, [table for table in tables if table.rows], figures, _notes(trials, outcome, objectives, ended))


def _notes(trials: Sequence[Trial], outcome: Outcome, objectives: Sequence[Objective], ended: str) -> list[str]:
    best, complete = outcome.best, sum(trial.state == "complete" for trial in trials)
    wanted = ", ".join(objective.wording for objective in objectives)
    notes = [
        f"Trial {best.number} was built: {best.label}.",
        f"{len(trials)} trials, {complete} of them measured in full; the search ended because {ended}.",
        f"Cheapest is the least product of the costs ({wanted}). Quality was judged on the validation rows; only the "
        "release is judged on the test rows.",
    ]
    if not outcome.solved:
        failed = ", ".join(f"{item.requirement.measured} {item.requirement.wording}" for item in best.broken)
        notes.insert(0, f"No trial met everything. The nearest fails: {failed or 'what was not measured'}.")
    elif not outcome.binding:
        notes.append("No requirement binds: no cheaper trial was kept out by one.")
    return notes


def _trials(
    trials: Sequence[Trial], outcome: Outcome, objectives: Sequence[Objective], requirements: Sequence[Requirement]
) -> Table:
    names = list(dict.fromkeys([*(one.measure for one in objectives), *(need.measured for need in requirements)]))
    rows: list[Cells] = []
    for trial in trials:
        values: Cells = [_value(trial, name) for name in names]
        rows.append([trial.number, trial.label, _state(trial, outcome, requirements), *values, round(trial.seconds, 1)])
    return Table("Trials", ["trial", "what was chosen", "outcome", *names, "seconds"], rows)


def _state(trial: Trial, outcome: Outcome, requirements: Sequence[Requirement]) -> str:
    if trial.number == outcome.best.number:
        return "built" if outcome.solved else "built, the nearest"
    if trial.state != "complete":
        return f"{trial.state}: {trial.why}" if trial.why else "not measured"
    if trial.feasible(requirements):
        return "meets all"
    return "; ".join(f"{item.requirement.measured} {item.verdict.value}" for item in trial.broken)


def _binding(outcome: Outcome) -> Table:
    title = "Which requirement binds" if outcome.solved else "What kept the trials out"
    kept = "cheaper trials it kept out" if outcome.solved else "trials it kept out"
    rows: list[Cells] = [[need.measured, need.wording, number] for need, number in outcome.binding]
    return Table(title, ["requirement", "bound", kept], rows)


def _relaxations(outcome: Outcome) -> Table:
    rows: list[Cells] = [
        [item.requirement.measured, item.requirement.wording, item.reached, item.trial.number, item.trial.label]
        for item in outcome.relaxations
    ]
    columns = ["requirement", "bound", "would be met at", "trial", "what was chosen"]
    return Table("What to relax: each of these alone would be enough", columns, rows)


def _figures(
    trials: Sequence[Trial], outcome: Outcome, objectives: Sequence[Objective], requirements: Sequence[Requirement]
) -> list[Figure]:
    """Each cost against the first quality that is required, and the first two costs against each other."""
    costs: list[Axis] = [(one.measure, _measured(one.measure)) for one in objectives]
    priced = {name for name, _ in costs}
    first = next((trial for trial in trials if trial.state == "complete"), None)
    early = {item.requirement for trial in trials if trial.state == "stopped" for item in trial.judgements}
    judged = [item.requirement for item in first.judgements] if first else []
    quality = [need for need in judged if need not in early and need.measure not in priced] or [
        need for need in judged if need.measure not in priced
    ]
    axes: list[Axis] = [*costs[:2], *((need.measured, _found(need)) for need in quality[:1])]
    pairs = [(axes[i], axes[j]) for i in range(len(axes)) for j in range(i + 1, len(axes))]
    return [figure for x, y in pairs if (figure := _scatter(trials, outcome, requirements, x, y)).series]


def _scatter(
    trials: Sequence[Trial], outcome: Outcome, requirements: Sequence[Requirement], x: Axis, y: Axis
) -> Figure:
    frontier = {trial.number for trial in outcome.frontier}
    groups: dict[str, list[tuple[float, float]]] = {
        name: [] for name in ("falls short", "meets all", "on the frontier", "built", "stopped early")
    }
    for trial in trials:
        across, up = x[1](trial), y[1](trial)
        if across is None or up is None or trial.state == "failed":
            continue
        if trial.number == outcome.best.number:
            group = "built"
        elif trial.state != "complete":
            group = "stopped early"
        elif trial.number in frontier:
            group = "on the frontier"
        else:
            group = "meets all" if trial.feasible(requirements) else "falls short"
        groups[group].append((across, up))
    series = [
        Series(name, [point[0] for point in points], [point[1] for point in points])
        for name, points in groups.items()
        if points
    ]
    return Figure(f"{y[0]} against {x[0]}", "scatter", x[0], y[0], series)


def _measured(name: str) -> Callable[[Trial], float | None]:
    return lambda trial: trial.measures[name].value if name in trial.measures else None


def _found(need: Requirement) -> Callable[[Trial], float | None]:
    def read(trial: Trial) -> float | None:
        found = next((item.found for item in trial.judgements if item.requirement == need), None)
        return found.value if found else None

    return read


def _value(trial: Trial, name: str) -> float | None:
    """A measure of the trial, or the difference that a relative requirement was judged by."""
    judged = next((item.found for item in trial.judgements if item.requirement.measured == name and item.found), None)
    measure: Measure | None = judged or trial.measures.get(name)
    return measure.value if measure else None
