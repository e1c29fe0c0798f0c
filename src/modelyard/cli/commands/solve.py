"""``modelyard solve``: what a recipe leaves open is searched for the cheapest release that meets it."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from modelyard.cli.command import add_json, note, print_json, say
from modelyard.cli.commands.build import EXIT_CODES, note_result, show_built
from modelyard.core.errors import InputError

if TYPE_CHECKING:
    from modelyard.engines.jobs import Engine
    from modelyard.recipes.solve.trial import Trial

ENGINES = ("local", "ray")
MINUTES = 15.0


class Solve:
    name = "solve"
    summary = "search what a recipe leaves open for the cheapest release that meets its requirements"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "recipe", type=Path, metavar="RECIPE", help="a recipe with {search: […]} or auto in its steps"
        )
        parser.add_argument(
            "--minutes", type=float, default=MINUTES, help="time for all, the final build included (15)"
        )
        parser.add_argument("--trials", type=int, help="most recipes to try (default: as many as fit into the time)")
        parser.add_argument("--jobs", type=int, default=1, help="trials at once (1)")
        parser.add_argument("--engine", choices=ENGINES, default=ENGINES[0], help="where trials run (local)")
        parser.add_argument(
            "--objective",
            action="append",
            metavar="MEASURE",
            help="what is to be small, or large as max:MEASURE; may be repeated (default: as the recipe says, "
            "else latency and size)",
        )
        add_json(parser)

    def run(self, arguments: argparse.Namespace) -> int:
        if not arguments.minutes > 0:
            raise InputError(f"--minutes {arguments.minutes:g}", expected="more than 0")
        for option in ("trials", "jobs"):
            number = getattr(arguments, option)
            if number is not None and number < 1:
                raise InputError(f"--{option} {number}", expected="1 or more")
        return solve_and_show(
            arguments.recipe,
            minutes=arguments.minutes,
            trials=arguments.trials,
            jobs=arguments.jobs,
            engine=arguments.engine,
            objectives=arguments.objective or (),
            as_json=arguments.json,
        )


def solve_and_show(
    path: Path,
    *,
    minutes: float = MINUTES,
    trials: int | None = None,
    jobs: int = 1,
    engine: str = ENGINES[0],
    objectives: Sequence[str] = (),
    as_json: bool = False,
) -> int:
    """Solve a recipe, show its frontier and its table, and return the exit code of the release's verdict."""
    from modelyard.cli.progress import shown_progress
    from modelyard.recipes.objective import Objective
    from modelyard.recipes.solve.budget import Budget
    from modelyard.recipes.solve.solving import read_question, solve
    from modelyard.yard.yard import Yard

    start = time.monotonic()
    # Before any worker is started.
    read_question(path)
    workers = make_engine(engine, jobs)
    try:
        with shown_progress():
            solved = solve(
                path,
                Yard.default(),
                workers,
                budget=Budget(60 * minutes, trials),
                objectives=[Objective(text.removeprefix("max:"), text.startswith("max:")) for text in objectives],
                on_trial=_note_trial,
                on_result=note_result,
            )
    finally:
        workers.close()
    if as_json:
        print_json(solved.to_json())
    else:
        from modelyard.render.terminal import print_findings

        print_findings(solved.report.findings)
        show_built(solved.built, time.monotonic() - start)
        say(f"recipe   {solved.recipe}")
    return EXIT_CODES[solved.built.verdict.value]


def make_engine(name: str, jobs: int) -> Engine:
    """Workers to do so many jobs at once."""
    from modelyard.engines.jobs import InProcess, Processes

    if name == "ray":
        from modelyard.engines.ray import Ray

        return Ray(jobs)
    return InProcess() if jobs == 1 else Processes(jobs)


def _note_trial(trial: Trial) -> None:
    how = trial.why or ", ".join(
        f"{item.requirement.measured} {item.verdict.value}" for item in trial.judgements if item.verdict != "met"
    )
    note(f"  trial {trial.number:<3} {trial.label}: {trial.state}{', ' + how if how else ''} ({trial.seconds:.0f} s)")
