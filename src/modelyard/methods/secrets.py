"""Finds keys and tokens in text by the shapes that their issuers publish.

Only shapes that nothing else has: a prefix and a length, or the armour of a private key. Passwords without a shape are
not found. Every pattern has a bounded length, so the time is linear in the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_WORD = r"(?<![A-Za-z0-9_-])"
_END = r"(?![A-Za-z0-9_-])"
_SHAPES = {
    "a private key": re.compile(r"-----BEGIN (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----"),
    "a key of Amazon Web Services": re.compile(rf"{_WORD}(?:AKIA|ASIA)[A-Z0-9]{{16}}{_END}"),
    "a token of GitHub": re.compile(
        rf"{_WORD}(?:gh[pousr]_[A-Za-z0-9]{{36,255}}|github_pat_[A-Za-z0-9_]{{60,255}}){_END}"
    ),
    "a token of GitLab": re.compile(rf"{_WORD}glpat-[A-Za-z0-9_-]{{20,64}}{_END}"),
    "a token of Hugging Face": re.compile(rf"{_WORD}hf_[A-Za-z]{{34}}{_END}"),
    "a key of OpenAI or Anthropic": re.compile(rf"{_WORD}sk-(?:proj-|ant-|svcacct-)?[A-Za-z0-9_-]{{32,200}}{_END}"),
    "a key of Google": re.compile(rf"{_WORD}AIza[A-Za-z0-9_-]{{35}}{_END}"),
    "a token of Slack": re.compile(rf"{_WORD}xox[abeprs]-[A-Za-z0-9-]{{20,250}}{_END}"),
    "a key of Stripe": re.compile(rf"{_WORD}[rs]k_live_[A-Za-z0-9]{{20,120}}{_END}"),
    "a token of a package index": re.compile(
        rf"{_WORD}(?:pypi-AgE[A-Za-z0-9_-]{{50,250}}|npm_[A-Za-z0-9]{{36}}){_END}"
    ),
    "a JSON web token": re.compile(
        rf"{_WORD}eyJ[A-Za-z0-9_-]{{10,2000}}\.eyJ[A-Za-z0-9_-]{{10,4000}}\.[A-Za-z0-9_-]{{20,1000}}{_END}"
    ),
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
