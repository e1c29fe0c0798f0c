"""Jinja templates that came with foreign files and are not trusted.

A template runs in a sandbox: it sees the values that it is given, reaches no Python attribute and no file, and its
output is bounded. A template that loops without end is not stopped.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NoReturn

from jinja2 import StrictUndefined, Template, TemplateError
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from modelyard.core.errors import InputError

LONGEST_TEMPLATE = 1 << 18
LONGEST_OUTPUT = 1 << 22
"""Characters."""

_WIDENING = {"center", "expandtabs", "format", "format_map", "indent", "ljust", "rjust", "wordwrap", "zfill"}
"""Filters and methods of strings that fill up to a width which the template chooses."""


class Sandbox(ImmutableSandboxedEnvironment):
    """Jinja's sandbox, without the operators that make a huge text out of a small one."""

    intercepted_binops = frozenset(["*", "**", "%"])

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        for name in _WIDENING & set(self.filters):
            del self.filters[name]

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        widens = isinstance(obj, str) and attr in _WIDENING
        return not widens and super().is_safe_attribute(obj, attr, value)

    def unsafe_undefined(self, obj: Any, attribute: str) -> NoReturn:
        # Jinja would go on with an undefined value, which prints as nothing.
        raise SecurityError(f"it reaches for {attribute!r} of a {type(obj).__name__}")

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        if not all(isinstance(side, int | float) for side in (left, right)) or operator == "**":
            raise SecurityError(f"operator {operator} on {type(left).__name__} and {type(right).__name__}")
        return super().call_binop(context, operator, left, right)


def generate(template: Template, values: Mapping[str, Any], *, what: str, use: str) -> str:
    """The text that a template of a :class:`Sandbox` gives.

    Args:
        what: what the template is, for errors, such as ``chat template``.
        use: what a template of that kind is for.

    Raises:
        InputError: it does what it must not, or cannot be used on these values.
    """
    parts: list[str] = []
    length = 0
    try:
        for part in template.generate(**values):
            parts.append(part)
            length += len(part)
            if length > LONGEST_OUTPUT:
                raise SecurityError(f"its output is longer than {LONGEST_OUTPUT} characters")
    except Exception as error:
        raise _refusal(error, what, use) from error
    return "".join(parts)


def compile_template(environment: Sandbox, source: str, *, what: str, use: str) -> Template:
    """The template of a text, parsed in a sandbox.

    Raises:
        InputError: it is too long, or cannot be parsed.
    """
    if len(source) > LONGEST_TEMPLATE:
        raise _refusal(SecurityError(f"it is longer than {LONGEST_TEMPLATE} characters"), what, use)
    try:
        return environment.from_string(source)
    except Exception as error:
        raise _refusal(error, what, use) from error


def _refusal(error: Exception, what: str, use: str) -> InputError:
    if isinstance(error, SecurityError):
        return InputError(
            f"the {what} does what it must not: {error}",
            expected=f"a template that only {use}",
            fix="take it from a source that you trust, or remove the template",
        )
    known = TemplateError, TypeError, ValueError, ArithmeticError, LookupError, AttributeError, RecursionError
    if isinstance(error, known):
        return InputError(f"the {what} cannot be used on these values: {error}")
    raise error


@lru_cache(maxsize=64)
def field_template(source: str) -> Template:
    """A template over the fields of one row; a field that the row lacks is an error."""
    environment = Sandbox(undefined=StrictUndefined, keep_trailing_newline=True)
    return compile_template(environment, source, what="template", use="puts the fields of a row together")


def fill(source: str, fields: Mapping[str, Any]) -> str:
    """A row's fields put into a template, such as ``Question: {{question.strip()}}``.

    Raises:
        InputError: the template cannot be read, does what it must not, or names a field that is not there.
    """
    return generate(field_template(source), fields, what="template", use="puts the fields of a row together")
