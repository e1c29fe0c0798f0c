"""Chat messages to one prompt, by a Jinja template that came with a model and is not trusted.

The template runs in a sandbox: it sees the messages and the names of special tokens, reaches no Python attribute
and no file, and its output is bounded. A template that loops without end is not stopped.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NoReturn

from jinja2 import Template, TemplateError
from jinja2.exceptions import SecurityError
from jinja2.ext import Extension
from jinja2.nodes import Node
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from modelyard.core.errors import InputError

LONGEST_TEMPLATE = 1 << 18
LONGEST_PROMPT = 1 << 22
"""Characters."""


def render(template: str, messages: Sequence[Mapping[str, str]], tokens: Mapping[str, str]) -> str:
    """The prompt that ends where the assistant's answer begins.

    Args:
        template: Jinja source as in Hugging Face's ``chat_template``.
        messages: each with ``role`` and ``content``.
        tokens: special tokens by name, such as ``eos_token``.

    Raises:
        InputError: the template cannot be read, does what it must not, or refuses the messages.
    """
    parts: list[str] = []
    length = 0
    try:
        for part in _compile(template).generate(messages=list(messages), add_generation_prompt=True, **tokens):
            parts.append(part)
            length += len(part)
            if length > LONGEST_PROMPT:
                raise SecurityError(f"its output is longer than {LONGEST_PROMPT} characters")
    except SecurityError as error:
        raise InputError(
            f"the chat template does what it must not: {error}",
            expected="a template that only puts messages together",
            fix="take the model from a source that you trust, or remove its chat template",
        ) from error
    except (
        TemplateError,
        TypeError,
        ValueError,
        ArithmeticError,
        LookupError,
        AttributeError,
        RecursionError,
    ) as error:
        raise InputError(f"the chat template cannot be used on these messages: {error}") from error
    return "".join(parts)


_WIDENING = {"center", "expandtabs", "format", "format_map", "indent", "ljust", "rjust", "wordwrap", "zfill"}
"""Filters and methods of strings that fill up to a width which the template chooses."""


class _Sandbox(ImmutableSandboxedEnvironment):
    """Jinja's sandbox, without the operators that make a huge text out of a small one."""

    intercepted_binops = frozenset(["*", "**", "%"])

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


class _Generation(Extension):
    """``{% generation %}`` marks the assistant's part for training; here its content is all that counts."""

    tags = {"generation"}  # noqa: RUF012

    def parse(self, parser: Parser) -> list[Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


EXTENSIONS = ("jinja2.ext.loopcontrols", _Generation)
"""What a chat template may use beside plain Jinja."""


def _refuse(message: str) -> NoReturn:
    raise TemplateError(message)


def _to_json(value: Any, indent: int | None = None) -> str:
    # Jinja's own filter escapes for HTML, which a prompt is not.
    return json.dumps(value, ensure_ascii=False, indent=indent)


@lru_cache(maxsize=8)
def _compile(template: str) -> Template:
    if len(template) > LONGEST_TEMPLATE:
        raise SecurityError(f"it is longer than {LONGEST_TEMPLATE} characters")
    environment = _Sandbox(trim_blocks=True, lstrip_blocks=True, extensions=EXTENSIONS)
    environment.globals["raise_exception"] = _refuse
    environment.filters["tojson"] = _to_json
    for name in _WIDENING & set(environment.filters):
        del environment.filters[name]
    return environment.from_string(template)
