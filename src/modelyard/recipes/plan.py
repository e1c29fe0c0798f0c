"""The plan: which step runs on what, worked out and checked before anything runs.

A plan is a list of nodes in running order. Beside the steps that the recipe names it holds what the proof needs:
every scoring or timed step is also done on the model before its conversion (``base``) and on the models
that relative requirements name, and so is what such a requirement asks for; each pair of scores is compared.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from modelyard.core import lookup
from modelyard.core.dataset import Dataset
from modelyard.core.errors import suggestion
from modelyard.core.model import Model
from modelyard.core.report import Report
from modelyard.core.requirement import Requirement
from modelyard.core.source import Source
from modelyard.core.step import Parameter, Step
from modelyard.core.task import Task
from modelyard.formats.document import Place
from modelyard.methods.overfitting import gap_name, training_name
from modelyard.recipes.problems import Problems
from modelyard.recipes.recipe import Recipe, StepCall
from modelyard.recipes.start import RUNTIME, UNKNOWN, Start

BASE = "base"
BEFORE_CONVERSION = ("teacher", "base")
"""Names of the parameters that take the model before its first conversion."""


@dataclass(frozen=True)
class Reference:
    """An input from outside the plan: a reference to fetch, or a version in the yard."""

    text: str
    place: Place


Input = str | Reference | None
"""Another node by its id, something from outside, or nothing."""


@dataclass(frozen=True)
class Node:
    """One step on given inputs.

    ``subject`` says whose report it is: ``""`` the release's, otherwise the reference it is judged
    against (``base``, ``yard:name@production``). ``compares`` marks a comparison with that subject.
    """

    id: str
    step: Step
    inputs: tuple[Input, ...]
    options: Mapping[str, Any]
    place: Place
    subject: str = ""
    compares: bool = False


@dataclass(frozen=True)
class Plan:
    """Nodes in running order and what stands at the end of the chain."""

    recipe: Recipe
    nodes: tuple[Node, ...]
    model: Input
    data: str | None
    base: Input

    def only(self, wanted: Callable[[Node], bool]) -> Plan:
        """The same plan with those of its report nodes that are wanted; what makes data and models stays."""
        nodes = [node for node in self.nodes if node.step.result is not Report or wanted(node)]
        return replace(self, nodes=tuple(nodes))

    def reports(self, subject: str, *, compares: bool = False) -> tuple[Node, ...]:
        """Report nodes on the released model and its data (``subject=""``), or on a reference, in order."""
        return tuple(
            node
            for node in self.nodes
            if node.step.result is Report
            and node.subject == subject
            and node.compares == compares
            and (compares or subject or node.inputs[0] == (self.data if is_of_data(node) else self.model))
        )

    def reports_on_earlier_data(self) -> tuple[Node, ...]:
        """Report nodes on data that a later step changed."""
        return tuple(
            node
            for node in self.nodes
            if node.step.result is Report and is_of_data(node) and node.inputs[0] != self.data
        )


def is_of_data(node: Node) -> bool:
    """Whether a node looks at data, not at a model."""
    return bool(node.step.parameters) and issubclass(node.step.parameters[0].kind, Dataset)


@dataclass
class _State:
    """How far the chain has come."""

    recipe: Recipe
    problems: Problems
    nodes: list[Node] = field(default_factory=list)
    model: Input = None
    data: str | None = None
    start: Start = UNKNOWN
    runtime: str = RUNTIME
    base: Input = None

    def add(self, node: Node) -> str:
        self.nodes.append(node)
        return node.id


def make_plan(recipe: Recipe, start: Start = UNKNOWN) -> Plan:
    """Work out the plan.

    Args:
        start: what is known of the recipe's model, which is more once it was fetched.

    Raises:
        RecipeError: parts of the recipe do not fit together; holds every problem with its line.
    """
    problems = Problems(recipe.document)
    state = _State(recipe, problems, start=start, runtime=start.runtime)
    task = lookup.task(recipe.task)
    _plan_data(state, task)
    for number, call in enumerate(recipe.steps, start=1):
        _plan_step(state, task, number, call)
    _plan_model(state)
    _plan_references(state)
    plan = Plan(recipe, tuple(state.nodes), state.model, state.data, state.base)
    _check_requirements(plan, task, problems)
    problems.raise_if_any()
    return plan


def _plan_data(state: _State, task: Task) -> None:
    section = state.recipe.data
    if section is None:
        return
    columns = section.options.get("columns") or {}
    wanted = [*task.inputs, *([task.target] if task.target else [])]
    for role in wanted:
        if role not in columns:
            expected = f"columns: {{{', '.join(f'{name}: <column>' for name in wanted)}}}"
            state.problems.add(("data", "columns"), f"no column is named for the role {role!r}", expected=expected)
    step = lookup.step("load data")
    inputs = tuple(_data_source(section.sources, parameter.name) for parameter in step.parameters)
    state.data = state.add(Node("data", step, inputs, section.options, ("data",)))


def _data_source(sources: Mapping[str, str], parameter: str) -> Reference | None:
    # The first parameter of ``load data`` is the source that the training rows come from.
    key = "train" if parameter == "source" else parameter
    return Reference(sources[key], ("data", "source")) if key in sources else None


def _plan_model(state: _State) -> None:
    """Load the model right before it is first used: transforms that the data have had by then travel with it."""
    if state.model is not None:
        return
    if not state.recipe.model:
        if all("'model'" not in problem.what for problem in state.problems.found):
            expected = "model: pypi:…, hf:…, new:…, yard:name@alias or a path, or a step that makes it, such as fit"
            state.problems.add((), "the key 'model' is missing", expected=expected)
        return
    reference = Reference(state.recipe.model, ("model",))
    if state.recipe.model.startswith("yard:"):
        state.model = reference
        return
    options = {**state.recipe.model_options, "task": state.recipe.task}
    node = Node("model", lookup.step("load model"), (reference, state.data), options, ("model",))
    state.model = state.add(node)


def _plan_step(state: _State, task: Task, number: int, call: StepCall) -> None:
    step = call.step
    offered = state.start.abilities(task) | lookup.runtime(state.runtime).abilities
    for need in sorted(step.needs - offered):
        state.problems.add(
            call.place,
            f"{step.name!r} needs {need!r}, which {task.name} on the runtime {state.runtime!r} does not offer",
            fix=_order_hint(state, step, need, offered),
        )
    models = [parameter for parameter in step.parameters if issubclass(parameter.kind, Model)]
    if models and (state.recipe.model or not all(parameter.optional for parameter in models)):
        _plan_model(state)
    elif step.result is Model and state.recipe.model:
        state.problems.add(
            ("model",), f"'model' is not used: {step.name!r} makes the model", fix="leave one of them out"
        )
    inputs = tuple(item for parameter in step.parameters for item in _bind(state, call, parameter))
    # The task is said once, at the top of the recipe.
    options = {**call.options, **({"task": state.recipe.task} if "task" in step.options else {})}
    node = Node(f"{number} {step.name}", step, inputs, options, call.place)
    previous = state.model
    state.add(node)
    if step.result is Dataset:
        state.data = node.id
    if step.result is Model:
        state.base = (state.base or previous) if step.converts else None
        state.model, state.runtime = node.id, step.resulting_runtime(call.options, state.runtime)


def _order_hint(state: _State, step: Step, need: str, offered: frozenset[str]) -> str:
    if state.start.runtime != RUNTIME and need in lookup.runtime(RUNTIME).abilities:
        return f"leave the step out, or start from the model as it was before it came to {state.start.runtime!r}"
    if state.runtime != RUNTIME and need in lookup.runtime(RUNTIME).abilities:
        return f"put it before the step that moves the model to {state.runtime!r}"
    beside = [lookup.step(name) for name in lookup.step_names() if name.split()[0] == step.verb]
    fitting = [other.name for other in beside if other.needs <= offered and other.result is step.result]
    return f"leave the step out, or choose {_any_of(fitting) if fitting else 'another one'}"


def _any_of(names: Sequence[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} or {last}" if first else last


def _bind(state: _State, call: StepCall, parameter: Parameter) -> tuple[Input, ...]:
    """What a parameter gets: what the entry names, else what the chain has come to.

    A model called ``teacher`` or ``base`` is the one before the first conversion; ``*models`` are the chain's
    and those named, or these alone where the chain's has a parameter of its own.
    """
    named = tuple(Reference(text, (*call.place, parameter.name)) for text in call.inputs.get(parameter.name, ()))
    if parameter.many:
        stands_alone = any(item.kind is Model and not item.many for item in call.step.parameters)
        return named if stands_alone else (state.model, *named)
    if named:
        return named
    if parameter.name in BEFORE_CONVERSION:
        if state.base is None and not parameter.optional:
            what = f"{call.step.name!r} needs a {parameter.name}, and no step before it converts the model"
            fix = f"prune or quantize first, or name one: {parameter.name}: yard:name@alias"
            state.problems.add(call.place, what, fix=fix)
        return (state.base,)
    if issubclass(parameter.kind, Model):
        return (state.model,)
    if issubclass(parameter.kind, Dataset):
        if state.data is None and not parameter.optional:
            fix = "add data: {source: …, columns: {…}}"
            state.problems.add(call.place, f"{call.step.name!r} needs data, and the recipe has none", fix=fix)
        return (state.data,)
    if not parameter.optional and issubclass(parameter.kind, Source):
        what = f"{call.step.name!r} needs a {parameter.name}"
        state.problems.add(call.place, what, fix=f"name one: {parameter.name}: a path, pypi:… or hf:…")
    elif not parameter.optional:
        state.problems.add(call.place, f"{call.step.name!r} cannot stand in a recipe", fix="run it as a command")
    return (None,)


def _plan_references(state: _State) -> None:
    """Do what scores the release on its references too, and compare."""
    subjects: dict[str, Input] = {BASE: state.base} if state.base else {}
    for requirement in state.recipe.require:
        place: Place = ("require", requirement.measure)
        if not requirement.against or requirement.against == BASE:
            if requirement.against and not state.base:
                what = "there is no 'base': no step converts the model"
                state.problems.add(place, what, fix="compare against yard:name@alias instead")
            continue
        if not requirement.against.startswith("yard:"):
            state.problems.add(place, f"against: {requirement.against!r}", expected="base, or yard:name@alias")
        subjects.setdefault(requirement.against, Reference(requirement.against, place))
    ours = [node for node in state.nodes if node.step.result is Report and node.inputs[0] == state.model]
    for subject, model in subjects.items():
        held = {requirement.measure for requirement in state.recipe.require if requirement.against == subject}
        for node in ours:
            # An attack on the reference or its explanation may take long: they are for requirements that ask for them.
            asked = any(_is_among(measure, set(node.step.measures)) for measure in held)
            if (node.step.scores or node.step.timed or asked) and model not in node.inputs:
                _mirror(state, node, subject, model)


def _mirror(state: _State, node: Node, subject: str, model: Input) -> None:
    inputs = tuple(model if item == state.model else item for item in node.inputs)
    mirrored = replace(node, id=f"{node.id} of {subject}", inputs=inputs, subject=subject)
    state.nodes.insert(state.nodes.index(node) + 1, mirrored)
    if node.step.scores:
        step = lookup.step("compare")
        options = {name: option.default for name, option in step.options.items()} | {
            "task": state.recipe.task,
            "seed": state.recipe.seed,
            "confidence": node.options.get("confidence", step.options["confidence"].default),
        }
        identity = f"{node.id} against {subject}"
        compare = Node(identity, step, (node.id, mirrored.id), options, node.place, subject, compares=True)
        state.nodes.insert(state.nodes.index(mirrored) + 1, compare)


def _check_requirements(plan: Plan, task: Task, problems: Problems) -> None:
    """Every requirement must be measured, and measured on the model that is released."""
    made = {name for node in plan.nodes if node.step.result is Model for name in node.step.measures}
    measured = _measures(plan.reports(""), task, made)
    early = _measures(tuple(node for node in plan.nodes if not node.subject and not node.compares), task, made)
    comparisons = {name for node in plan.nodes if node.compares for name in node.step.measures}
    for requirement in plan.recipe.require:
        name, place = requirement.measure, ("require", requirement.measure)
        if requirement.in_per_cent:
            fix = f"write per cent as a share: {requirement.bound / 100:g}" if requirement.bound <= 100 else ""
            problems.add(place, f"{requirement.wording}: {name!r} is a share from 0 to 1", fix=fix)
            continue
        if _is_among(name, measured) or name in comparisons:
            _check_confidence(plan, requirement, problems)
            continue
        if requirement.live_only:
            continue
        if _is_among(name, early):
            changed = "model" if _is_among(name, _measures(_on_models(plan), task, made)) else "data"
            what = f"{name!r} is measured only before the last step that changes the {changed}"
            problems.add(place, what, fix="move the measuring step behind it")
            continue
        known = sorted(measured | comparisons) or sorted(task.measures)
        fix = _measuring_steps(name, task) or suggestion(name, known)
        problems.add(place, f"no step measures {name!r}", fix=fix)


def _measuring_steps(name: str, task: Task) -> str:
    """Which steps could measure it for this task, as advice; nothing if none could."""
    steps = [step for step in map(lookup.step, lookup.step_names()) if step.result is Report and _is_writable(step)]
    names = {
        step.name: {*step.measures, *(task.measures if step.scores else ())}
        for step in steps
        if step.needs <= task.abilities | lookup.runtime(RUNTIME).abilities
    }
    measuring = [step for step, measured in names.items() if _is_among(name, measured)]
    return f"add a step that measures it: {' or '.join(measuring)}" if measuring else ""


def _is_writable(step: Step) -> bool:
    """Whether a recipe may name it; what compares reports comes by itself."""
    return all(parameter.kind is not Report for parameter in step.parameters)


def _on_models(plan: Plan) -> tuple[Node, ...]:
    return tuple(node for node in plan.nodes if not is_of_data(node) and not node.subject and not node.compares)


def _check_confidence(plan: Plan, requirement: Requirement, problems: Problems) -> None:
    """An interval of 95% says nothing of 99%."""
    for node in plan.reports(""):
        taken = node.options.get("confidence")
        if requirement.confidence and taken and taken < requirement.confidence and node.step.scores:
            problems.add(
                ("require", requirement.measure),
                f"{requirement.measure!r} asks for confidence {requirement.confidence:g}, {node.id!r} gives {taken:g}",
                fix=f"{node.step.name}: {{confidence: {requirement.confidence:g}}}",
            )


def _measures(nodes: tuple[Node, ...], task: Task, made: set[str]) -> set[str]:
    """Names that the reports of the nodes hold; ``made`` are those that the model's steps add to its evaluation."""
    names = {name for node in nodes if node.step.result is Report for name in node.step.measures}
    if not any(n.step.scores for n in nodes):
        return names
    headline = task.measures[0]
    return names | {*task.measures, gap_name(headline), training_name(headline), *made}


def _is_among(name: str, known: set[str]) -> bool:
    return name in known or any(entry.endswith(":*") and name.startswith(entry[:-1]) for entry in known)
