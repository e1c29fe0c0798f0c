"""Finds secrets in text by their shape: keys and tokens, private keys, and passwords in addresses.

Passwords without a shape are not found. Every pattern has a bounded length, so the time is linear in the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from modelyard.methods.token_shapes import TOKENS

_SHAPES = {
    "a private key": re.compile(r"-----BEGIN (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----"),
    **{kind: re.compile(rf"(?<![A-Za-z0-9_-])(?:{pattern})(?![A-Za-z0-9_-])") for kind, pattern in TOKENS.items()},
    "a password in an address": re.compile(
        r"(?<![A-Za-z])[a-z][a-z0-9+]{1,14}://[^\s:/@\"']{1,64}:[^\s:/@\"'<>{}$]{4,128}@"
    ),
}


@dataclass(frozen=True)
class Secret:
    """One that was found: what it is, its line from 1, and as much of it as may be shown."""

    kind: str
    line: int
    shown: str


def find(text: str) -> Iterator[Secret]:
    """Secrets in the order of their kinds, then of their places."""
    for kind, pattern in _SHAPES.items():
        for match in pattern.finditer(text):
            shown = match[0][:27] if kind == "a private key" else f"{match[0][:4]}… {len(match[0])} characters"
            yield Secret(kind, text.count("\n", 0, match.start()) + 1, shown)
