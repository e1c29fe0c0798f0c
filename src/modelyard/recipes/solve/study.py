"""Decides what to try next, and what is worth its time. Measures nothing itself.

Optuna's multi-objective TPE (Ozaki et al. 2022) proposes; costs are its objectives and the requirements its
constraints. Trials are taken up in batches: all of a batch are looked at cheaply, then the promising ones are measured
in full, a wave at a time. Batches and waves do not depend on which worker was faster, so the same measurements give the
same search, in one process or in several.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count, islice
from typing import Any

from modelyard.core.artifact import canonical_json, hash_bytes
from modelyard.core.errors import InputError
from modelyard.core.requirement import Requirement, Verdict
from modelyard.engines.jobs import Engine
from modelyard.formats.document import Document, write_yaml
from modelyard.recipes.objective import Objective, total_cost
from modelyard.recipes.open_options import Alternatives, Closing, Numbers, around_first, enumerate_closings
from modelyard.recipes.solve import candidate
from modelyard.recipes.solve.budget import Budget
from modelyard.recipes.solve.journal import Journal
from modelyard.recipes.solve.outcome import beats
from modelyard.recipes.solve.trial import Stage, Trial

BATCH = 8
"""Candidates that are looked at before the first of them is measured in full."""
WAVE = 2
"""Candidates that are measured in full before it is seen whether the others still matter."""
STARTUP = 8
"""Candidates that are not the sampler's own: the first alternatives and what lies beside them, then random ones."""
PATIENCE = 8
"""Proposals in a row that were tried already, before the first untried recipe in order is taken."""
FAR = 1e3
"""A constraint that cannot be missed by more."""


@dataclass
class Study:
    """A search under way.

    Attributes:
        document: the open recipe, checked, with ``auto`` written out.
        job: what all jobs have in common.
        check: raises InputError where a closed recipe's parts do not fit together.
        on_trial: called with each trial when it is done with.
        trials: those that were taken up, in order; a search that is interrupted leaves them as far as they came.
        ended: why the search ended, in words.
    """

    document: Document
    objectives: Sequence[Objective]
    requirements: Sequence[Requirement]
    engine: Engine
    journal: Journal
    budget: Budget
    seed: int
    job: Mapping[str, Any]
    check: Callable[[Document], None]
    on_trial: Callable[[Trial], None] = lambda trial: None
    trials: list[Trial] = field(default_factory=list)
    ended: str = ""

    def __post_init__(self) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        sampler = optuna.samplers.TPESampler(seed=self.seed, n_startup_trials=STARTUP)
        self._optuna: Any = optuna
        self._sampler = optuna.create_study(directions=["minimize"] * len(self.objectives), sampler=sampler)
        self._seen: set[bytes] = set()
        self._asked: dict[int, Any] = {}
        self._listed = self._untried()
        # The first alternatives are what the writer thinks most of; in ``auto`` they are the strongest.
        for choices in islice(around_first(self.document), STARTUP):
            self._sampler.enqueue_trial(choices)

    def run(self) -> None:
        """Search until the budget or the space is used up; an interruption keeps what was found."""
        try:
            while batch := self._next_batch():
                self._look(batch)
                self._measure(batch)
                for number in batch:
                    self._tell(self.trials[number - 1])
        except KeyboardInterrupt:
            self.ended = "it was interrupted"

    # What to try

    def _next_batch(self) -> list[int]:
        """Numbers of new trials, taken up in the order in which they share most with each other."""
        taken: list[tuple[Any, Closing, dict[str, Any], str]] = []
        while len(taken) < BATCH and self.budget.allows_trial(len(self.trials) + len(taken)):
            proposal = self._propose()
            if proposal is None:
                self.ended = "every recipe that the open options admit was tried"
                break
            taken.append(proposal)
        else:
            if not taken:
                self.ended = "the budget was used up"
        # What begins alike runs one after the other: the second finds the first's results.
        taken.sort(key=lambda item: item[3])
        batch = []
        for asked, closing, choices, text in taken:
            number = len(self.trials) + 1
            self._asked[number] = asked
            self.trials.append(Trial(number, choices, describe(closing.chosen), text))
            batch.append(number)
        return batch

    def _propose(self) -> tuple[Any, Closing, dict[str, Any], str] | None:
        """A recipe that was not tried before, or None if there is none left."""
        for attempt in count():
            if attempt >= PATIENCE:
                listed = next(self._listed, None)
                if listed is None:
                    return None
                self._sampler.enqueue_trial(listed)
            asked = self._sampler.ask()
            closing = Closing(self.document, lambda name, offered, asked=asked: _suggest(asked, name, offered))  # type: ignore[misc]
            value = closing.close()
            identity = canonical_json(value)
            if identity not in self._seen:
                self._seen.add(identity)
                if self._fits_together(replace(self.document, value=value, lines=closing.lines)):
                    return asked, closing, dict(asked.params), write_yaml(value)
            self._sampler.tell(asked, state=self._optuna.trial.TrialState.FAIL)
        return None

    def _fits_together(self, closed: Document) -> bool:
        try:
            self.check(closed)
        except InputError:
            return False
        return True

    def _untried(self) -> Iterator[dict[str, int]]:
        """Recipes that nobody proposed, in order; none where a number is free, since then proposals do not run out."""
        try:
            yield from (choice for choice in enumerate_closings(self.document) if not self._is_seen(choice))
        except OverflowError:
            return

    def _is_seen(self, choice: Mapping[str, int]) -> bool:
        return canonical_json(Closing(self.document, lambda name, offered: choice[name]).close()) in self._seen

    # What is worth measuring

    def _look(self, batch: Sequence[int]) -> None:
        """The cheap stage of a whole batch."""
        looked: set[int] = set()
        for number, stage in self._stages(batch, candidate.CHEAP, self.budget.allows_look):
            trial = self.trials[number - 1].after(stage, self.requirements)
            self.budget.cheap.append(stage.seconds)
            self._keep(self._stopped_by_bound(trial))
            looked.add(number)
        self._give_up(number for number in batch if number not in looked)

    def _measure(self, batch: Sequence[int]) -> None:
        """The full stage of what is left, in waves; after each it is seen what it has made needless."""
        waiting = [number for number in batch if self.trials[number - 1].state == "new"]
        while waiting:
            waiting.sort(key=self._promise)
            wave, waiting = waiting[: max(WAVE, self.engine.width)], waiting[max(WAVE, self.engine.width) :]
            for number, stage in self._stages(wave, candidate.FULL, self.budget.allows_full):
                trial = self.trials[number - 1].after(stage, self.requirements)
                self.budget.full.append(stage.seconds)
                self._keep(replace(trial, state="complete") if trial.state == "new" else trial)
            self._give_up(number for number in wave if self.trials[number - 1].state == "new")
            waiting = [number for number in waiting if not self._is_needless(number)]

    def _give_up(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            self._keep(replace(self.trials[number - 1], state="stopped", why="no time was left to measure it"))

    def _promise(self, number: int) -> tuple[float, int]:
        """Least first. Until something meets everything, that is the dearest: it has lost least of its quality."""
        cost = total_cost(self.objectives, self.trials[number - 1].measures)
        return (cost if self._feasible() else -cost), number

    def _is_needless(self, number: int) -> bool:
        trial = self.trials[number - 1]
        better = next((one for one in self._feasible() if self._is_cheaper(one, trial)), None)
        if better is not None:
            self._keep(replace(trial, state="stopped", why=f"trial {better.number} meets everything and costs less"))
        return better is not None

    def _is_cheaper(self, one: Trial, other: Trial) -> bool:
        return beats(one.costs(self.objectives), other.costs(self.objectives))

    def _feasible(self) -> list[Trial]:
        return [trial for trial in self.trials if trial.feasible(self.requirements)]

    def _stopped_by_bound(self, trial: Trial) -> Trial:
        broken = next((item for item in trial.judgements if item.verdict is Verdict.NOT_MET), None)
        if trial.state != "new" or broken is None:
            if trial.state == "new" and any(self._is_cheaper(one, trial) for one in self._feasible()):
                return replace(trial, state="stopped", why="another trial meets everything and costs less")
            return trial
        value = broken.reached
        measured = f"{broken.requirement.measured} is {value:.4g}" if value is not None else broken.requirement.measure
        return replace(trial, state="stopped", why=f"{measured}, not {broken.requirement.wording}")

    def _keep(self, trial: Trial) -> None:
        self.trials[trial.number - 1] = trial
        if trial.state != "new":
            self.on_trial(trial)

    # Measuring

    def _stages(self, numbers: Sequence[int], stage: str, allowed: Callable[[], bool]) -> Iterator[tuple[int, Stage]]:
        """What the stage gives for each trial, from the journal or a worker; none for those not allowed to start."""
        new: list[int] = []
        for number in numbers:
            known = self.journal.find(self._key(number, stage))
            if known is None:
                new.append(number)
            else:
                yield number, Stage.from_json(known)
        started: list[int] = []

        def jobs() -> Iterator[dict[str, Any]]:
            for number in new:
                if not allowed():
                    return
                started.append(number)
                yield {**self.job, "recipe": self.trials[number - 1].recipe, "stage": stage}

        for position, found in self.engine.run(candidate.MEASURE, jobs()):
            if not found["failed"]:
                self.journal.add(self._key(started[position], stage), found)
            yield started[position], Stage.from_json(found)

    def _key(self, number: int, stage: str) -> str:
        return hash_bytes(canonical_json([self.trials[number - 1].recipe, stage]))

    def _tell(self, trial: Trial) -> None:
        """Teach the sampler: costs as values, and for each requirement by how much it is missed."""
        asked, costs = self._asked.pop(trial.number), trial.costs(self.objectives)
        if trial.state == "failed" or not all(math.isfinite(cost) for cost in costs):
            self._sampler.tell(asked, state=self._optuna.trial.TrialState.FAIL)
            return
        judged = {item.requirement: item.shortfall for item in trial.judgements}
        for position, need in enumerate(self.requirements):
            asked.set_constraint(f"{position} {need.measure}", min(judged.get(need, 0.0), FAR))
        self._sampler.tell(asked, list(costs))


def _suggest(asked: Any, name: str, offered: Alternatives) -> Any:
    if not isinstance(offered, Numbers):
        return asked.suggest_categorical(name, list(range(len(offered))))
    suggest = asked.suggest_int if offered.whole else asked.suggest_float
    return suggest(name, offered.low, offered.high, log=offered.log)


def describe(steps: Sequence[Any]) -> str:
    """``prune layers keep 3 → quantize dynamic``."""
    return " → ".join(_describe(step) for step in steps) or "none of the optional steps"


def _describe(step: Any) -> str:
    if not isinstance(step, dict):
        return str(step)
    ((name, options),) = step.items()
    return " ".join([name, ", ".join(f"{key} {_short(value)}" for key, value in (options or {}).items())]).strip()


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
