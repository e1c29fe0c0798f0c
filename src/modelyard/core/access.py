"""Who may do what: roles, and the keys that give them.

Knows no database and no HTTP: a yard keeps keys, a server asks them. A token is 256 random bits
behind a prefix that scanners for leaked secrets can look for; only its hash is kept.
"""

from __future__ import annotations

import hashlib
import hmac
import math
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from fnmatch import fnmatchcase

from modelyard.core.errors import InputError, suggestion

_TOKEN = re.compile(r"my_([0-9a-f]{12})_[0-9a-f]{64}")
_PATTERN = re.compile(r"[A-Za-z0-9*][A-Za-z0-9._*-]{0,127}")
_FEWEST, _MOST = 0.001, 1e6
"""Requests per second that a rate may allow."""


class Role(StrEnum):
    """What a key is for; each role may do all that those before it may."""

    VIEWER = "viewer"
    PREDICT = "predict"
    REVIEWER = "reviewer"
    OPERATOR = "operator"
    ADMIN = "admin"

    def includes(self, other: Role) -> bool:
        return _RANKS[self] >= _RANKS[other]

    @classmethod
    def parse(cls, text: str) -> Role:
        """The role of that name.

        Raises:
            InputError: there is none.
        """
        if text not in set(cls):
            raise InputError(f"no role is named {text!r:.80}", fix=suggestion(text, cls))
        return cls(text)


_RANKS = {role: rank for rank, role in enumerate(Role)}


@dataclass(frozen=True)
class Rate:
    """Requests that a key may send: ``burst`` at once, and ``per_second`` in the long run."""

    per_second: float
    burst: int

    def __post_init__(self) -> None:
        if not _FEWEST <= self.per_second <= _MOST:
            raise InputError(f"a rate of {self.per_second}", expected=f"{_FEWEST} to {_MOST:.0f} requests a second")
        if not 1 <= self.burst <= _MOST:
            raise InputError(f"a burst of {self.burst}", expected=f"1 to {_MOST:.0f} requests")

    @staticmethod
    def of(per_second: float, burst: int | None = None) -> Rate:
        """With a burst of one second's requests where none is given."""
        if burst is None:
            burst = max(1, math.ceil(per_second)) if math.isfinite(per_second) else 1
        return Rate(per_second, burst)


@dataclass(frozen=True)
class Key:
    """A key as it is kept: everything but its token.

    Attributes:
        id: names it in lists, logs and the audit log; no secret.
        models: names it may use; ``*`` stands for any characters.
        rate: None for no limit of its own.
        expires: from then on it gives nothing; None for never.
        hash: of the token, in hexadecimal.
    """

    id: str
    label: str
    role: Role
    models: tuple[str, ...]
    rate: Rate | None
    created: datetime
    expires: datetime | None
    revoked: datetime | None
    hash: str

    def may_use(self, model: str) -> bool:
        """Whether a model's name is in its scope."""
        return any(pattern == "*" or fnmatchcase(model, pattern) for pattern in self.models)

    def state(self, now: datetime) -> str:
        """``active``, ``expired`` or ``revoked``."""
        if self.revoked is not None:
            return "revoked"
        return "expired" if self.expires is not None and self.expires <= now else "active"

    def opens_with(self, token: str) -> bool:
        """Whether the token is this key's; takes the same time for every wrong one."""
        return hmac.compare_digest(hash_token(token), self.hash)


_DAWN = datetime(1970, 1, 1, tzinfo=UTC)
LOCAL = Key("local", "whoever is at this machine", Role.ADMIN, ("*",), None, _DAWN, None, None, "")
"""Who a request comes from where there are no keys and only this machine can send one."""


def new_token() -> tuple[str, str]:
    """The id of a new key, and the token that shows it."""
    number = secrets.token_hex(6)
    return number, f"my_{number}_{secrets.token_hex(32)}"


def hash_token(token: str) -> str:
    """SHA-256: what cannot be guessed needs no slow hash."""
    return hashlib.sha256(token.encode()).hexdigest()


def id_in(token: str) -> str | None:
    """The id that a token names; None where it has not the form of one."""
    found = _TOKEN.fullmatch(token)
    return found[1] if found else None


def without_tokens(text: str) -> str:
    """The text with the secret of every token blacked out."""
    return _TOKEN.sub(lambda found: f"my_{found[1]}_…", text)


def check_patterns(patterns: Iterable[str]) -> tuple[str, ...]:
    """Patterns of model names.

    Raises:
        InputError: none, or one that can match no name.
    """
    found = tuple(patterns)
    for pattern in found:
        if not _PATTERN.fullmatch(pattern):
            raise InputError(f"{pattern!a:.80} is no pattern of a name", expected="a name, with * for any characters")
    if not found:
        raise InputError("a key for no model", expected="at least one name or pattern, * for all")
    return found
