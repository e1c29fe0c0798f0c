"""The recipe as data, read from a file and checked key by key.

What may stand under ``steps`` and ``data`` is read off the steps' signatures. Whether the parts
fit together is decided in ``plan``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from modelyard.core import lookup
from modelyard.core.errors import InputError, suggestion
from modelyard.core.model import Model
from modelyard.core.requirement import Requirement
from modelyard.core.source import Source
from modelyard.core.step import Step
from modelyard.formats.document import Document, Place, parse
from modelyard.methods.rules import Serving
from modelyard.recipes.objective import Objective, read_objective
from modelyard.recipes.open_options import find_open
from modelyard.recipes.problems import Problems
from modelyard.recipes.serve_section import read_serving

VERSION = 1
KEYS = ("modelyard", "name", "task", "model", "data", "steps", "require", "objective", "serve", "seed")
SOURCE_KEYS = ("train", "validation", "test", "unlabelled", "reviewed")
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


@dataclass(frozen=True)
class StepCall:
    """One entry under ``steps``: the step, its checked options, and where it stands.

    ``inputs`` are the references that the entry names for parameters that the chain would give otherwise.
    """

    step: Step
    options: Mapping[str, Any]
    place: Place
    inputs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class DataSection:
    """``data``: references by split (or one under ``train``), and options of the step ``load data``."""

    sources: Mapping[str, str]
    options: Mapping[str, Any]


@dataclass(frozen=True)
class Recipe:
    """A recipe whose every key and value is of the right form.

    ``model_options`` are those of the step ``load model``.
    """

    name: str
    task: str
    model: str
    model_options: Mapping[str, Any]
    data: DataSection | None
    steps: tuple[StepCall, ...]
    require: tuple[Requirement, ...]
    objective: tuple[Objective, ...]
    serving: Serving
    seed: int
    document: Document
    folder: Path


def read_recipe(path: Path) -> Recipe:
    """Read and check a recipe file.

    Raises:
        InputError: there is no such file, it is not YAML, or it leaves options open.
        RecipeError: it says something that no recipe can say; holds every problem.
    """
    return check_recipe(read_document(path), path.resolve().parent)


def read_document(path: Path) -> Document:
    """The file as a document, whatever it says.

    Raises:
        InputError: there is no such file, or it is not YAML.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError(f"there is no recipe {str(path)!r}", fix="give the path of a .yaml file") from None
    except (UnicodeDecodeError, IsADirectoryError, PermissionError) as error:
        raise InputError(f"cannot read {str(path)!r}: {error}", expected="a text file in UTF-8") from None
    return parse(text, path.name)


def parse_recipe(text: str, name: str, folder: Path) -> Recipe:
    """The recipe in ``text``; relative paths in it are relative to ``folder``."""
    return check_recipe(parse(text, name), folder)


def check_recipe(document: Document, folder: Path) -> Recipe:
    """The recipe that a document holds; everything in it must be decided."""
    problems = Problems(document)
    if not isinstance(document.value, dict):
        raise InputError("a recipe is a mapping", expected=f"the keys {', '.join(KEYS)}", where=document.where(()))
    if opened := find_open(document):
        raise InputError(
            "the recipe leaves options open, which build cannot choose",
            expected="one value for each option",
            fix=f"modelyard solve {document.name}",
            where=document.where(opened[0]),
        )
    for key in document.value:
        if key not in KEYS:
            problems.add((key,), f"unknown key {key!r}", fix=suggestion(key, KEYS))
    _check_version(document, problems)
    reader = _Reader(document.value, problems)
    recipe_name = reader.text(
        "name", lambda value: NAME.fullmatch(value) is not None, "lower-case letters, digits, - . _"
    )
    task = reader.text("task", lambda value: value in lookup.names("tasks"), "", known=lookup.names("tasks"))
    seed = document.value.get("seed", 0)
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**31:
        problems.add(("seed",), f"seed: {seed!r}", expected="a whole number from 0 to 2147483647")
        seed = 0
    model, model_options = _read_model(document.value, problems, seed)
    data = _read_data(document.value.get("data"), problems, seed)
    steps = _read_steps(document.value.get("steps", []), problems, seed)
    require = _read_requirements(document.value.get("require") or {}, problems)
    objective = read_objective(document.value.get("objective"), problems)
    serving = read_serving(document.value.get("serve"), task, problems)
    problems.raise_if_any()
    return Recipe(
        recipe_name, task, model, model_options, data, steps, require, objective, serving, seed, document, folder
    )


def _check_version(document: Document, problems: Problems) -> None:
    version = document.value.get("modelyard")
    if version != VERSION:
        what = "the key 'modelyard' is missing" if version is None else f"modelyard: {version!r}"
        problems.add(("modelyard",), what, expected=f"modelyard: {VERSION}", fix=f"write 'modelyard: {VERSION}' first")


@dataclass(frozen=True)
class _Reader:
    value: Mapping[str, Any]
    problems: Problems

    def text(self, key: str, accept: Callable[[str], bool], expected: str, known: tuple[str, ...] = ()) -> str:
        value = self.value.get(key)
        if value is None:
            self.problems.add((), f"the key {key!r} is missing", expected=expected or ", ".join(known))
            return ""
        if not isinstance(value, str) or not accept(value):
            fix = suggestion(str(value), known) if known else ""
            self.problems.add((key,), f"{key}: {value!r}", expected=expected, fix=fix)
            return ""
        return value


def _read_model(document: Mapping[str, Any], problems: Problems, seed: int) -> tuple[str, dict[str, Any]]:
    """The reference, which may stand alone or under ``source``, and options of the step ``load model``.

    A step may make the model of the data alone; the plan knows whether one does.
    """
    value: Any = document.get("model", "")
    given: dict[str, Any] = {}
    if isinstance(value, dict):
        given = {key: item for key, item in value.items() if key != "source"}
        value = value.get("source")
    if "model" in document and not (isinstance(value, str) and value):
        expected = "a reference: pypi:…, hf:…, new:…, yard:name@alias or a path; or {source: …, labels: […]}"
        problems.add(("model",), f"model: {value!r}", expected=expected)
        value = ""
    if given and str(value).startswith("yard:"):
        problems.add(("model",), "a model in the yard is taken as it is", fix="leave the options out")
    if "task" in given:
        problems.add(("model", "task"), "the task is said once", fix="say it as task: at the top of the recipe")
    options = _check_options(lookup.step("load model"), given, ("model",), problems, seed, also=("source",))
    return value, options


def _read_data(value: Any, problems: Problems, seed: int) -> DataSection | None:
    if value is None:
        return None
    if not isinstance(value, dict) or "source" not in value:
        problems.add(("data",), "data has no source", expected="data: {source: …, columns: {…}}")
        return None
    sources = value["source"]
    if isinstance(sources, str):
        sources = {"train": sources}
    if not isinstance(sources, dict) or "train" not in sources:
        expected = "a reference, or a mapping {train: …, validation: …, test: …, unlabelled: …, reviewed: …}"
        problems.add(("data", "source"), f"source: {sources!r}", expected=expected)
        return None
    for key, reference in sources.items():
        if key not in SOURCE_KEYS or not isinstance(reference, str):
            expected = f"a reference under one of {', '.join(SOURCE_KEYS)}"
            problems.add(("data", "source", key), f"{key}: {reference!r}", expected=expected)
    given = {key: item for key, item in value.items() if key != "source"}
    step = lookup.step("load data")
    options = _check_options(step, given, ("data",), problems, seed, also=("source",))
    return DataSection(dict(sources), options)


def _read_steps(value: Any, problems: Problems, seed: int) -> tuple[StepCall, ...]:
    if not isinstance(value, list):
        problems.add(("steps",), "steps is not a list", expected="a list such as [finetune, evaluate]")
        return ()
    calls = []
    for index, item in enumerate(value):
        place: Place = ("steps", index)
        if isinstance(item, dict) and len(item) == 1:
            ((name, given),) = item.items()
            place = (*place, name)
        else:
            name, given = item, {}
        given = {} if given is None else given
        if not isinstance(name, str) or not isinstance(given, dict):
            meant = f"{name} {given}"
            problems.add(
                place,
                f"cannot read the step {item!r}",
                expected="'verb method', or 'verb method: {option: value}'",
                fix=f"write - {meant}" if meant in lookup.step_names() else "",
            )
            continue
        with problems.at(place):
            step = lookup.step(name)
            if step.verb == "load":
                problems.add(place, f"{name!r} is done by the recipe itself", fix="say it under model: and data:")
            inputs = _read_inputs(step, given, place, problems)
            options = {key: value for key, value in given.items() if key not in inputs}
            checked = _check_options(step, options, place, problems, seed, also=tuple(inputs))
            calls.append(StepCall(step, checked, place, inputs))
    return tuple(calls)


def _read_inputs(step: Step, given: Mapping[str, Any], place: Place, problems: Problems) -> dict[str, tuple[str, ...]]:
    """References that an entry gives for models and sources: ``distill: {teacher: yard:large@production}``."""
    inputs = {}
    for parameter in step.parameters:
        if not issubclass(parameter.kind, Model | Source) or parameter.name not in given:
            continue
        value = given[parameter.name]
        references = tuple(value) if parameter.many and isinstance(value, list) else (value,)
        inputs[parameter.name] = references
        start, expected = ("yard:", "yard:name@alias") if parameter.kind is Model else ("", "a path, pypi:… or hf:…")
        if not all(isinstance(item, str) and item.startswith(start) for item in references):
            expected += ", or a list of them" if parameter.many else ""
            problems.add((*place, parameter.name), f"{parameter.name}: {value!r}", expected=expected)
    return inputs


def _check_options(
    step: Step, given: Mapping[str, Any], place: Place, problems: Problems, seed: int, also: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Check each option by itself, so that every error has its own line."""
    options = {name: option.default for name, option in step.options.items() if not option.required}
    if "seed" in step.options:
        options["seed"] = seed
    for key, value in given.items():
        if key not in step.options:
            problems.add(
                (*place, key), f"{step.name}: unknown key {key!r}", fix=suggestion(key, [*step.options, *also])
            )
            continue
        with problems.at((*place, key)):
            options[key] = step.options[key].check(value)
    for name, option in step.options.items():
        # The task is said once, at the top of the recipe.
        if option.required and name not in given and name != "task":
            problems.add(place, f"{step.name}: {name!r} is missing", expected=option.help)
    return options


def _read_requirements(value: Any, problems: Problems) -> tuple[Requirement, ...]:
    if not isinstance(value, dict):
        problems.add(("require",), "require is not a mapping", expected='require: {accuracy: ">= 0.9"}')
        return ()
    requirements = []
    for measure, bound in value.items():
        with problems.at(("require", measure)):
            requirements.append(Requirement.parse(measure, bound))
    return tuple(requirements)
