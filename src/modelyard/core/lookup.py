"""Finds steps, tasks, runtimes and transforms by name, ours and those of plug-ins.

A plug-in is a package of the same layout (``steps/<verb>/<method>.py``, ``tasks/``, ``runtimes/``,
``transforms/``), named by an entry point in the group ``modelyard``. Files are found without being
imported; a module is imported when it is asked for. Knows none of them by name.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from functools import cache
from typing import Any, cast

from modelyard.core.errors import InputError, suggestion
from modelyard.core.runtime import Runtime
from modelyard.core.step import Step, read_step
from modelyard.core.task import Task
from modelyard.core.transform import Transform, TransformSpec

GROUP = "modelyard"


def task(name: str) -> Task:
    """The task with this Hugging Face pipeline tag."""
    return cast(Task, _member("tasks", name, "TASK"))


def runtime(name: str) -> Runtime:
    return cast(Runtime, _member("runtimes", name, "RUNTIME"))


def transform(spec: TransformSpec) -> Transform:
    """The transform of that name, made with its options, and given the folder of its files as ``files``."""
    held = {"files": spec.files.folder} if spec.files else {}
    return cast(Transform, _member("transforms", spec.name, "TRANSFORM")(**spec.options, **held))


@cache
def step(name: str) -> Step:
    """A step by ``verb method``, or by the verb alone for its default method.

    Raises:
        InputError: there is none; the message suggests the nearest name.
    """
    full = " ".join(name.split())
    known = _step_modules()
    if full in defaults():
        full = defaults()[full]
    if full not in known:
        raise InputError(f"unknown step {name!r}", fix=suggestion(name, [*known, *defaults()]))
    module = importlib.import_module(known[full])
    function = getattr(module, full.split()[-1].replace("-", "_"))
    return read_step(full, function)


def step_names() -> tuple[str, ...]:
    """Every step, sorted; nothing is imported."""
    return tuple(sorted(_step_modules()))


def is_verb(name: str) -> bool:
    """Whether some step begins with this word, in Python's spelling (``import_``) or the users'."""
    return _spell(name) in {full.split()[0] for full in _step_modules()}


@cache
def defaults() -> dict[str, str]:
    """Verb → full name of its default method, as the verb's ``__init__`` says with ``DEFAULT``."""
    found: dict[str, str] = {}
    for package in _packages():
        for verb in _children(f"{package}.steps"):
            if verb.ispkg:
                module = importlib.import_module(f"{package}.steps.{verb.name}")
                # Ours come first: a plug-in adds methods to a verb, but does not change what the verb means.
                found.setdefault(_spell(verb.name), f"{_spell(verb.name)} {_spell(module.DEFAULT)}")
    return found


def names(room: str) -> tuple[str, ...]:
    """Names in the room ``tasks``, ``runtimes`` or ``transforms``; nothing is imported."""
    return tuple(sorted(_modules(room)))


def _member(room: str, name: str, constant: str) -> Any:
    known = _modules(room)
    if name not in known:
        raise InputError(f"unknown {room[:-1]} {name!r}", fix=suggestion(name, known))
    return getattr(importlib.import_module(known[name]), constant)


@cache
def _modules(room: str) -> dict[str, str]:
    return {
        _spell(child.name): f"{package}.{room}.{child.name}"
        for package in _packages()
        for child in _children(f"{package}.{room}")
        if not child.name.startswith("_")
    }


@cache
def _step_modules() -> dict[str, str]:
    found: dict[str, str] = {}
    for package in _packages():
        for verb in _children(f"{package}.steps"):
            place = f"{package}.steps.{verb.name}"
            if verb.ispkg:
                methods = [child.name for child in _children(place) if not child.name.startswith("_")]
                found |= {f"{_spell(verb.name)} {_spell(method)}": f"{place}.{method}" for method in methods}
            elif not verb.name.startswith("_"):
                found[_spell(verb.name)] = place
    return found


@cache
def _packages() -> tuple[str, ...]:
    from importlib.metadata import entry_points

    return ("modelyard", *sorted({entry.value for entry in entry_points(group=GROUP)}))


def _children(package: str) -> list[pkgutil.ModuleInfo]:
    # find_spec imports the parents only; a plug-in without this room has none.
    try:
        spec = importlib.util.find_spec(package)
    except ModuleNotFoundError:
        return []
    places = list(spec.submodule_search_locations or []) if spec else []
    return sorted(pkgutil.iter_modules(places), key=lambda child: child.name)


def _spell(module_name: str) -> str:
    # ``import_`` and the like avoid Python's keywords; users write the bare word.
    return module_name.rstrip("_").replace("_", "-")
