"""The step: a plain function from artifacts to an artifact, and what its signature says.

Recipe key, command, Python function, docs and checks are all read off the signature and the
docstring here; nothing is listed a second time.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar, get_type_hints, overload

from modelyard.core.artifact import Artifact
from modelyard.core.errors import InputError, suggestion
from modelyard.core.options import REQUIRED, Option
from modelyard.core.requirement import Requirement
from modelyard.core.source import Source

Shrinking = Literal["", "parts", "recovery", "bits", "form"]
"""What a step does towards a smaller model: takes ``parts`` out; trains what is left (``recovery``: weights alone
change, so size and speed can be measured without it); gives the ``form`` that it is served in, with fewer ``bits`` or
with the same."""

INJECTED = ("out", "scratch")
"""Keyword parameters that the engine gives: the empty folder for the result, and a folder that
survives a crash (checkpoints)."""


@dataclass(frozen=True)
class Parameter:
    """A positional parameter: an artifact, a source, or several of them."""

    name: str
    kind: type[Artifact] | type[Source]
    optional: bool
    help: str = ""
    many: bool = False
    """Takes all that follow (``*models``)."""


@dataclass(frozen=True)
class Step:
    """A step as read from its function.

    Attributes:
        name: verb and method, ``quantize dynamic``; the verb alone for a file of its own.
        needs: abilities that the task and the model's runtime must offer.
        runtime: the runtime that the resulting model runs on, where the step changes it
            (:meth:`resulting_runtime`).
        converts: the result stands in for the input model, and is compared with it.
        shrinks: its part in making a model smaller, which is what ``auto`` in a recipe searches.
        measures: names that its report always holds, beside those of the task.
        scores: its report also holds the task's own measures.
        timed: what it measures is speed or size, which the values of the weights do not change.
        reads: checks a source that the step is given, once it is fetched and before anything runs.
        holds: what must hold for the command of this name to end well.
    """

    name: str
    function: Callable[..., Artifact]
    needs: frozenset[str]
    runtime: str | None
    converts: bool
    shrinks: Shrinking
    measures: tuple[str, ...]
    scores: bool
    timed: bool
    reads: Callable[[Source], object] | None
    holds: tuple[Requirement, ...]
    parameters: tuple[Parameter, ...]
    options: dict[str, Option]
    injected: frozenset[str]
    result: type[Artifact]
    summary: str
    description: str

    @property
    def verb(self) -> str:
        return self.name.split()[0]

    @property
    def source_file(self) -> Path:
        return Path(inspect.getfile(inspect.unwrap(self.function)))

    def resulting_runtime(self, options: Mapping[str, Any], before: str) -> str:
        """The runtime of the resulting model: the option ``runtime`` says it where the step has one."""
        return str(options["runtime"]) if "runtime" in self.options else self.runtime or before

    def check_options(self, given: dict[str, Any]) -> dict[str, Any]:
        """All options with their defaults, checked.

        Raises:
            InputError: an unknown option, a wrong value, or a missing one.
        """
        for key in given:
            if key not in self.options:
                raise InputError(f"{self.name}: unknown option {key!r}", fix=suggestion(key, self.options))
        checked = {}
        for name, option in self.options.items():
            if name in given:
                checked[name] = option.check(given[name])
            elif option.required:
                raise InputError(f"{self.name}: the option {name!r} is missing", expected=option.help)
            else:
                checked[name] = option.default
        return checked


_Function = TypeVar("_Function", bound=Callable[..., Any])


@overload
def step(function: _Function) -> _Function: ...
@overload
def step(
    *,
    needs: str = "",
    runtime: str | None = None,
    converts: bool = False,
    shrinks: Shrinking = "",
    measures: tuple[str, ...] = (),
    scores: bool = False,
    timed: bool = False,
    reads: Callable[[Source], object] | None = None,
    holds: Mapping[str, str] | None = None,
) -> Callable[[_Function], _Function]: ...
def step(
    function: Callable[..., Any] | None = None,
    *,
    needs: str = "",
    runtime: str | None = None,
    converts: bool = False,
    shrinks: Shrinking = "",
    measures: tuple[str, ...] = (),
    scores: bool = False,
    timed: bool = False,
    reads: Callable[[Source], object] | None = None,
    holds: Mapping[str, str] | None = None,
) -> Any:
    """Make a function a step. It stays callable as it is; :func:`read_step` reads it.

    Args:
        needs: abilities, separated by blanks, that the task and the runtime must offer.
        runtime: the runtime that the result runs on, if not the input model's. A step that can go to
            several has an option ``runtime`` instead.
        converts: the result stands in for the input model (quantized, pruned, exported): it is
            compared with it on real rows, and what came before is the reference ``base``.
        shrinks: what the step does towards a smaller model: ``parts``, ``recovery``, ``bits`` or ``form``. What its
            options are worth trying says ``Search`` in their annotations.
        measures: measures that its report always holds; of a step that makes a model, those that the evaluation of its
            model holds beside the task's.
        scores: its report also holds the measures that the task names.
        timed: what it measures is speed or size: a search asks for it before it trains, and while nothing else runs.
        reads: reads a source as the step will, to find what is wrong with it before anything runs.
        holds: bounds by measure, as under ``require:``; the step's command ends with 1 where one is not met.
    """

    def mark(function: Callable[..., Any]) -> Callable[..., Any]:
        function.__modelyard_step__ = {  # type: ignore[attr-defined]
            "needs": frozenset(needs.split()),
            "runtime": runtime,
            "converts": converts,
            "shrinks": shrinks,
            "measures": measures,
            "scores": scores,
            "timed": timed,
            "reads": reads,
            "holds": tuple(Requirement.parse(measure, bound) for measure, bound in (holds or {}).items()),
        }
        return function

    return mark(function) if function is not None else mark


def read_step(name: str, function: Callable[..., Any]) -> Step:
    """Read name, options, help and marks off a marked function.

    Raises:
        TypeError: the function is not marked, or its signature is not a step's.
    """
    marks = getattr(function, "__modelyard_step__", None)
    if marks is None:
        raise TypeError(f"{function.__module__}.{function.__qualname__} lacks @step")
    hints = get_type_hints(function, include_extras=True)
    summary, description, helps = read_docstring(inspect.getdoc(function) or "")
    parameters, options, injected = [], {}, set()
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY:
            if parameter.name in INJECTED:
                injected.add(parameter.name)
                continue
            default = REQUIRED if parameter.default is parameter.empty else parameter.default
            help_text = helps.get(parameter.name, "")
            options[parameter.name] = Option(parameter.name, hints[parameter.name], default, help_text)
        else:
            kind, optional = _artifact_kind(hints[parameter.name])
            many = parameter.kind is parameter.VAR_POSITIONAL
            parameters.append(Parameter(parameter.name, kind, optional, helps.get(parameter.name, ""), many))
    if "out" not in injected:
        raise TypeError(f"step {name!r} has no keyword parameter 'out'")
    return Step(
        name=name,
        function=function,
        parameters=tuple(parameters),
        options=options,
        injected=frozenset(injected),
        result=hints["return"],
        summary=summary,
        description=description,
        **marks,
    )


def _artifact_kind(hint: Any) -> tuple[type[Any], bool]:
    members = [item for item in getattr(hint, "__args__", (hint,)) if item is not type(None)]
    if len(members) != 1 or not (isinstance(members[0], type) and issubclass(members[0], Artifact | Source)):
        raise TypeError(f"a positional parameter of a step must be an artifact, not {hint!r}")
    return members[0], members[0] is not hint


def read_docstring(text: str) -> tuple[str, str, dict[str, str]]:
    """Summary line, the paragraphs after it, and the help of each name under ``Args:``."""
    summary, _, rest = text.partition("\n")
    body, _, arguments = rest.partition("\nArgs:\n")
    arguments = re.split(r"\n(?=\S)", arguments)[0]
    helps = {
        match[1]: " ".join(match[2].split())
        for match in re.finditer(r"^    (\w+): (.*(?:\n {5,}.*)*)", arguments, re.MULTILINE)
    }
    body = re.split(r"\n(?:Raises|Returns):\n", body)[0]
    return summary.strip(), body.strip(), helps
