"""Runs a plan: fetches what it refers to, does each node once, and judges the outcome.

Knows the yard and the lock; shows nothing itself (progress goes through ``core.progress``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field

from modelyard import sources
from modelyard.core.artifact import Artifact
from modelyard.core.errors import InputError
from modelyard.core.report import Measure, Report
from modelyard.core.requirement import Judgement, Requirement
from modelyard.core.source import Source
from modelyard.recipes import start
from modelyard.recipes.call import Result, run_step, step_key
from modelyard.recipes.lock import Lock
from modelyard.recipes.plan import BASE, Node, Plan, Reference, make_plan
from modelyard.recipes.start import UNKNOWN, Start
from modelyard.yard.yard import Yard

LOCKED_NODES = ("data", "model")


@dataclass
class Run:
    """A plan under way, and afterwards its results by node id."""

    plan: Plan
    yard: Yard
    locked: Lock | None = None
    lock: Lock = field(default_factory=Lock)
    results: dict[str, Result] = field(default_factory=dict)
    _fetched: dict[str, Artifact | Source] = field(default_factory=dict)

    def execute(
        self,
        on_result: Callable[[Node, Result], None] = lambda node, result: None,
        around: Callable[[Node], AbstractContextManager[None]] = lambda node: nullcontext(),
        until: Callable[[Node], bool] = lambda node: False,
    ) -> None:
        """Do every node that was not done before.

        Args:
            on_result: called after each node, for whoever shows how far the work is.
            around: what each node is done inside of, such as a lock.
            until: whether to leave the rest undone, asked after each node.

        Raises:
            InputError: a reference or the data cannot be used; names the line of the recipe.
        """
        self._begin()
        for node in self.plan.nodes:
            with _in_recipe(self.plan, node), around(node):
                result = run_step(node.step, self._inputs(node), node.options, self.yard)
            self._lock_artifact(node, result.artifact)
            self.results[node.id] = result
            on_result(node, result)
            if until(node):
                return

    def preview(self) -> list[tuple[Node, bool]]:
        """Each node, and whether its result is already in the yard; runs nothing."""
        self._begin()
        known: list[tuple[Node, bool]] = []
        for node in self.plan.nodes:
            ready = all(item in self.results for item in node.inputs if isinstance(item, str))
            artifact = None
            if ready:
                key = step_key(node.step, self._inputs(node), node.options)
                artifact = self.yard.recall(key)
            if artifact is not None:
                self.results[node.id] = Result(artifact, 0.0, reused=True)
            known.append((node, artifact is not None))
        return known

    def artifact(self, item: str | Reference | None) -> Artifact | None:
        """The artifact behind an input of the plan; None for a source or nothing."""
        if isinstance(item, str):
            return self.results[item].artifact
        found = self._fetched.get(item.text) if item else None
        return found if isinstance(found, Artifact) else None

    def judge(self) -> tuple[Judgement, ...]:
        """The outcome of each requirement."""
        return tuple(requirement.judge(self._measures_for(requirement)) for requirement in self.plan.recipe.require)

    def measures(self, subject: str = "", *, compares: bool = False) -> dict[str, Measure]:
        """Everything measured so far on the release, or on a reference; of two reports with one name, the later."""
        merged: dict[str, Measure] = {}
        for node in self.plan.reports(subject, compares=compares):
            result = self.results.get(node.id)
            if result is not None and isinstance(result.artifact, Report):
                merged |= result.artifact.findings.measures
        return merged

    def _measures_for(self, requirement: Requirement) -> Mapping[str, Measure]:
        if requirement.against is None:
            return self.measures(BASE, compares=True) | self.measures()
        compared = self.measures(requirement.against, compares=True)
        if requirement.measured in compared:
            return compared
        ours = self.measures().get(requirement.measure)
        theirs = self.measures(requirement.against).get(requirement.measure)
        return {requirement.measured: _difference(ours, theirs)} if ours and theirs else {}

    def _fetch_all(self) -> None:
        for node in self.plan.nodes:
            for item in node.inputs:
                if isinstance(item, Reference) and item.text not in self._fetched:
                    with _in_recipe(self.plan, node):
                        self._fetched[item.text] = found = self._fetch(item.text)
                        if node.step.reads and isinstance(found, Source):
                            node.step.reads(found)

    def find_start(self) -> Start:
        """What is known of the recipe's model once it was fetched; runs nothing.

        Raises:
            InputError: a reference cannot be used, or the model needs an environment that is not there.
        """
        self._fetch_all()
        return start.of_fetched(self._fetched.get(self.plan.recipe.model))

    def _begin(self) -> None:
        """Fetch everything, and check the recipe again by what its model turns out to be.

        Raises:
            RecipeError: a step cannot be done with it, such as training a graph of ONNX.
        """
        found = self.find_start()
        if found != UNKNOWN:
            make_plan(self.plan.recipe, found)

    def _fetch(self, reference: str) -> Artifact | Source:
        pins = self.locked.pins(reference) if self.locked else None
        data = self.plan.recipe.data
        if reference.startswith("yard:") and data is not None and reference in data.sources.values():
            rows = self.yard.data(reference.removeprefix("yard:"))
            found: Artifact | Source = Source(reference, rows.path / "train.parquet", rows.digest, {})
            self.lock.sources[reference] = {"digest": rows.digest}
        elif reference.startswith("yard:"):
            model = self.yard.model(self.yard.resolve(reference.removeprefix("yard:")))
            found = model
            self.lock.sources[reference] = {"digest": model.digest}
        else:
            found = source = sources.fetch(reference, pins=_without_digest(pins), base=self.plan.recipe.folder)
            self.lock.sources[reference] = {"digest": source.digest, **source.pins}
        if self.locked and pins:
            self.locked.check("source", reference, found.digest, pins.get("digest"))
        return found

    def _lock_artifact(self, node: Node, artifact: Artifact) -> None:
        if node.id not in LOCKED_NODES:
            return
        if self.locked:
            self.locked.check("artifact", node.id, artifact.digest, self.locked.artifacts.get(node.id))
        self.lock.artifacts[node.id] = artifact.digest

    def _inputs(self, node: Node) -> list[Artifact | Source | None]:
        return [
            self.results[item].artifact
            if isinstance(item, str)
            else self._fetched[item.text]
            if isinstance(item, Reference)
            else None
            for item in node.inputs
        ]


def _without_digest(pins: Mapping[str, object] | None) -> dict[str, object] | None:
    return {key: value for key, value in pins.items() if key != "digest"} if pins is not None else None


def _difference(ours: Measure, reference: Measure) -> Measure:
    """Reference minus ours; the interval assumes nothing about how the two depend on each other."""
    ends = (ours.low, ours.high, reference.low, reference.high)
    value = reference.value - ours.value if None not in (ours.value, reference.value) else None  # type: ignore[operator]
    if None in ends:
        return Measure(value, unit=ours.unit)
    low, high = reference.low - ours.high, reference.high - ours.low  # type: ignore[operator]
    return Measure(value, low, high, ours.n, ours.unit, ours.confidence)


@contextmanager
def _in_recipe(plan: Plan, node: Node) -> Iterator[None]:
    """Put the recipe's line before whatever place an InputError names."""
    try:
        yield
    except InputError as error:
        line = plan.recipe.document.where(node.place)
        error.where = f"{line}: {error.where}" if error.where else line
        raise
