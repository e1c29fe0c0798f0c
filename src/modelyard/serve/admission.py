"""What one caller may ask of a model, checked before a tokenizer or the model sees it.

A tokenizer's time and memory grow with every character, a generation's with every token.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from modelyard.core.transform import Row
from modelyard.serve.limits import Limits
from modelyard.serve.refusals import RefusalError


def check_options(options: Mapping[str, Any], limits: Limits) -> None:
    """Refuse counts of generated text that would be allocated for; all else is the task's to check.

    Raises:
        RefusalError: 422, naming the option and its range.
    """
    # One tensor element holds one answer; several to one prompt are what the completions route gives.
    for name, most in (("max_tokens", limits.generate_tokens), ("n", limits.sequences), ("sequences", 1)):
        value = options.get(name)
        if value is not None and not (type(value) is int and 1 <= value <= most):
            raise RefusalError(422, f"{name}: {value!r:.40}", expected=f"a whole number from 1 to {most}")


def check_texts(texts: Iterable[str], limits: Limits) -> None:
    """Refuse texts that are too long.

    Raises:
        RefusalError: 413, naming the first of them.
    """
    for number, text in enumerate(texts):
        if len(text) > limits.text_characters:
            raise RefusalError(
                413,
                f"text {number} has {len(text)} characters",
                expected=f"at most {limits.text_characters}",
                fix="shorten the text, or split it",
                code="too_large",
            )


def check_row_texts(rows: Iterable[Row], kinds: Mapping[str, str], limits: Limits) -> None:
    """Refuse rows with texts that are too long. An image is judged by its header; it may be longer than a text, never
    longer than the body.

    Args:
        kinds: what each field of a row holds; ``file`` for an image.

    Raises:
        RefusalError: 413, naming the first of them.
    """
    values = (value for row in rows for name, value in row.items() if kinds[name] != "file")
    check_texts((value for value in values if isinstance(value, str)), limits)
