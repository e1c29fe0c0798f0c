"""Chat messages to one prompt, by a Jinja template that came with a model and is not trusted.

It runs in the sandbox of ``sandboxed_template``: it sees the messages and the names of special tokens.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NoReturn

from jinja2 import Template, TemplateError
from jinja2.ext import Extension
from jinja2.nodes import Node
from jinja2.parser import Parser

from modelyard.methods.sandboxed_template import Sandbox, compile_template, generate

WHAT, USE = "chat template", "puts messages together"


def render(template: str, messages: Sequence[Mapping[str, str]], tokens: Mapping[str, str]) -> str:
    """The prompt that ends where the assistant's answer begins.

    Args:
        template: Jinja source as in Hugging Face's ``chat_template``.
        messages: each with ``role`` and ``content``.
        tokens: special tokens by name, such as ``eos_token``.

    Raises:
        InputError: the template cannot be read, does what it must not, or refuses the messages.
    """
    values = {"messages": list(messages), "add_generation_prompt": True, **tokens}
    return generate(_compile(template), values, what=WHAT, use=USE)


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
    environment = Sandbox(trim_blocks=True, lstrip_blocks=True, extensions=EXTENSIONS)
    environment.globals["raise_exception"] = _refuse
    environment.filters["tojson"] = _to_json
    return compile_template(environment, template, what=WHAT, use=USE)
