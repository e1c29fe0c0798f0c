"""Steps as Python functions: ``modelyard.quantize.dynamic(model, per_channel=True)``.

The functions are the steps themselves, run as the command line runs them: checked, reused by
digest and kept in the default yard.
"""

from __future__ import annotations

import inspect
from typing import Any

from modelyard.core import lookup
from modelyard.core.artifact import Artifact
from modelyard.core.errors import InputError
from modelyard.core.source import Source
from modelyard.core.step import INJECTED, Step
from modelyard.recipes.call import run_step
from modelyard.yard.yard import Yard


class StepFunction:
    """One step, callable with artifacts (positional) and options (by keyword); gives the artifact."""

    def __init__(self, step: Step) -> None:
        self.step = step
        self.__name__ = step.name
        self.__doc__ = inspect.getdoc(step.function)
        signature = inspect.signature(step.function)
        shown = [item for item in signature.parameters.values() if item.name not in INJECTED]
        self.__signature__ = signature.replace(parameters=shown)

    def __call__(self, *inputs: Artifact | Source | None, **options: Any) -> Artifact:
        parameters = list(self.step.parameters)
        if parameters and parameters[-1].many:
            parameters += [parameters[-1]] * (len(inputs) - len(parameters))
        if len(inputs) > len(parameters):
            raise InputError(f"{self.step.name}: {len(inputs)} artifacts", expected=f"at most {len(parameters)}")
        given = [*inputs, *[None] * (len(parameters) - len(inputs))]
        for item, parameter in zip(given, parameters, strict=True):
            if not (isinstance(item, parameter.kind) or (item is None and parameter.optional)):
                expected = f"a {parameter.kind.__name__.lower()}"
                raise InputError(f"{self.step.name}: {parameter.name} is {type(item).__name__}", expected=expected)
        return run_step(self.step, given, self.step.check_options(options), Yard.default()).artifact

    def __repr__(self) -> str:
        return f"<step {self.step.name}{self.__signature__}>"


class Verb:
    """The methods of one verb; calling it does the default method."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, method: str) -> StepFunction:
        name = f"{self._name} {method.rstrip('_').replace('_', '-')}"
        if name not in lookup.step_names():
            raise AttributeError(f"there is no step {name!r}")
        return StepFunction(lookup.step(name))

    def __call__(self, *inputs: Artifact | Source | None, **options: Any) -> Artifact:
        return StepFunction(lookup.step(self._name))(*inputs, **options)

    def __dir__(self) -> list[str]:
        return sorted(
            name.split()[1].replace("-", "_") for name in lookup.step_names() if name.split()[0] == self._name
        )


def verb(name: str) -> Verb | StepFunction:
    """The namespace of a verb, or the step itself where the verb has one file."""
    spelled = name.rstrip("_").replace("_", "-")
    return StepFunction(lookup.step(spelled)) if spelled in lookup.step_names() else Verb(spelled)
