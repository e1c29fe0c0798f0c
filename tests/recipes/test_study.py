"""The search itself, on measurements that a formula gives: what it finds, and what it does not repeat."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from modelyard.core.report import Measure
from modelyard.engines.jobs import Job
from modelyard.formats.document import parse
from modelyard.recipes.objective import Objective
from modelyard.recipes.solve.budget import Budget
from modelyard.recipes.solve.findings import describe_search
from modelyard.recipes.solve.journal import FILE, Journal
from modelyard.recipes.solve.outcome import conclude
from modelyard.recipes.solve.solving import read_question
from modelyard.recipes.solve.study import Study

RECIPE = """\
modelyard: 1
name: formula
task: text-classification
model: ./encoder
data:
  source: ./texts.csv
  columns: {text: text, label: label}
steps:
  - finetune: {epochs: {search: EPOCHS}, batch_size: {search: [8, 16, 32, 64]}}
  - evaluate
  - benchmark
require:
  accuracy: ">= 0.9"
  size_mb: "<= 40"
"""
COSTS = (Objective("latency_p50_ms"), Objective("size_mb"))


class Formula:
    """An engine that knows: longer training is better and slower, a larger batch is larger and better.

    Accuracy is 0.7 + epochs / 50 + batch / 320, latency the epochs, size the batch: of those that
    reach 0.9, the product of latency and size is least (80) for 10 epochs with a batch of 8.
    """

    def __init__(self, width: int = 1, stop_after: int = 10**9) -> None:
        self.width, self.stop_after = width, stop_after
        self.done: list[tuple[str, str]] = []

    def run(self, function: str, jobs: Iterable[Job]) -> Iterator[tuple[int, dict[str, Any]]]:
        # The last that was begun is the first that is done.
        for number, job in reversed(list(enumerate(jobs))):
            if len(self.done) >= self.stop_after:
                raise KeyboardInterrupt
            options = parse(str(job["recipe"]), "r").value["steps"][0]["finetune"]
            self.done.append((str(job["recipe"]), str(job["stage"])))
            yield number, self._found(options["epochs"], options["batch_size"], str(job["stage"]))

    def _found(self, epochs: float, batch: float, stage: str) -> dict[str, Any]:
        cheap = {"latency_p50_ms": Measure(epochs), "size_mb": Measure(batch)}
        full = {"accuracy": Measure(0.7 + epochs / 50 + batch / 320)}
        measures = {name: measure.to_json() for name, measure in (cheap if stage == "cheap" else full).items()}
        judged = [measures.get("accuracy"), measures.get("size_mb")]
        return {"measures": measures, "judged": judged, "seconds": 10.0, "failed": ""}

    def close(self) -> None:
        return None


def study(
    folder: Path, engine: Formula, *, epochs: str = "[1, 3, 5, 8, 10]", trials: int = 40, more: str = ""
) -> Study:
    folder.mkdir(exist_ok=True)
    path = folder / "r.yaml"
    path.write_text(RECIPE.replace("EPOCHS", epochs))
    question = read_question(path)
    return Study(
        question.document,
        COSTS,
        question.plan.recipe.require,
        engine,
        Journal(folder),
        Budget(trials=trials),
        0,
        {},
        question.check,
    )


def told(searched: Study) -> list[dict[str, Any]]:
    return [trial.to_json() for trial in searched.trials]


def test_the_whole_of_a_small_space_is_tried_and_the_optimum_found(tmp_path: Path) -> None:
    engine = Formula()
    searched = study(tmp_path, engine)
    searched.run()
    assert len(searched.trials) == 20
    assert searched.ended.startswith("every recipe")
    outcome = conclude(searched.trials, COSTS, searched.requirements)
    assert outcome is not None
    assert outcome.solved
    assert parse(outcome.best.recipe, "r").value["steps"][0] == {"finetune": {"epochs": 10, "batch_size": 8}}
    # What is too large was never trained, and not everything else was.
    trained = [parse(recipe, "r").value["steps"][0]["finetune"] for recipe, stage in engine.done if stage == "full"]
    assert all(options["batch_size"] < 64 for options in trained)
    assert len(trained) < 15
    (binding, *_) = outcome.binding
    assert binding[0].measure == "accuracy"


def test_a_free_number_is_searched_within_its_trials(tmp_path: Path) -> None:
    searched = study(tmp_path, Formula(), epochs="{low: 1.0, high: 12.0}", trials=48)
    searched.run()
    assert len(searched.trials) == 48
    assert searched.ended == "the budget was used up"
    outcome = conclude(searched.trials, COSTS, searched.requirements)
    assert outcome is not None
    assert outcome.solved
    # Least epochs × batch with 0.7 + epochs / 50 + batch / 320 ≥ 0.9: 8.75 × 8.
    assert outcome.best.measures["latency_p50_ms"].value * outcome.best.measures["size_mb"].value < 1.3 * 70  # type: ignore[operator]


def test_several_workers_find_what_one_finds(tmp_path: Path) -> None:
    one, two = study(tmp_path / "one", Formula()), study(tmp_path / "two", Formula(width=2))
    one.run()
    two.run()
    assert told(one) == told(two)


def test_an_interrupted_search_goes_on_without_repeating_anything(tmp_path: Path) -> None:
    whole = Formula()
    expected = study(tmp_path / "whole", whole)
    expected.run()
    first, second = Formula(stop_after=13), Formula()
    broken = study(tmp_path / "broken", first)
    broken.run()
    assert broken.ended == "it was interrupted"
    with (tmp_path / "broken" / FILE).open("a") as file:
        file.write('\n{"key": "torn')
    resumed = study(tmp_path / "broken", second)
    resumed.run()
    assert told(resumed) == told(expected)
    assert not set(first.done) & set(second.done)
    assert sorted(first.done + second.done) == sorted(whole.done)


def test_without_a_solution_it_says_how_near_and_what_to_relax(tmp_path: Path) -> None:
    searched = study(tmp_path, Formula(), epochs="[1, 2, 3]")
    searched.run()
    outcome = conclude(searched.trials, COSTS, searched.requirements)
    assert outcome is not None
    assert not outcome.solved
    # 3 epochs and a batch of 32 reach 0.86; 64 would reach 0.96, but is too large.
    assert outcome.best.judgements[0].reached == pytest.approx(0.86)
    (relaxed,) = outcome.relaxations
    assert relaxed.requirement.measure == "accuracy"
    assert relaxed.reached == pytest.approx(0.86)
    findings = describe_search(searched.trials, outcome, COSTS, searched.requirements, searched.ended)
    assert "No trial met everything" in findings.notes[0]
    assert any(table.title.startswith("What to relax") for table in findings.tables)
    assert json.dumps(outcome.to_json(), allow_nan=False)


def test_the_frontier_is_not_beaten_and_drawn(tmp_path: Path) -> None:
    searched = study(tmp_path, Formula())
    searched.run()
    outcome = conclude(searched.trials, COSTS, searched.requirements)
    assert outcome is not None
    assert outcome.best in outcome.frontier
    findings = describe_search(searched.trials, outcome, COSTS, searched.requirements, searched.ended)
    assert [figure.title for figure in findings.figures] == [
        "size_mb against latency_p50_ms",
        "accuracy against latency_p50_ms",
        "accuracy against size_mb",
    ]


def test_a_budget_leaves_room_for_the_last_trial_and_the_build() -> None:
    now = 0.0
    budget = Budget(seconds=100, clock=lambda: now)
    # Nothing is known yet: the first trial is always taken up.
    assert budget.allows_trial(0)
    budget.cheap.append(5)
    budget.full.append(30)
    now = 55.0
    assert budget.allows_trial(1)
    # 5 to look, 30 to train, and 10 set aside: it would end at 101.
    now = 56.0
    assert not budget.allows_trial(1)
    assert budget.allows_full()
    now = 61.0
    assert not budget.allows_full()
    assert Budget(trials=3).allows_trial(2)
    assert not Budget(trials=3).allows_trial(3)


def test_no_trial_is_begun_that_does_not_fit(tmp_path: Path) -> None:
    engine = Formula()
    searched = study(tmp_path, engine)
    searched.budget = Budget(seconds=100, clock=lambda: 10.0 * len(engine.done))
    searched.run()
    # Every stage takes ten seconds, and twenty are kept for the build.
    assert 10 * len(engine.done) <= 80
    assert any("no time was left" in trial.why for trial in searched.trials)
