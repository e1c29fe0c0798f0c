"""A request that gets no answer, and why.

Knows the HTTP status and the words, not the form: each protocol renders a refusal in its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from modelyard.core.errors import InputError

_LONGEST = 500
"""Characters of what an error quotes."""


@dataclass
class RefusalError(Exception):
    """What was wrong, what was expected and how to mend it, with an HTTP status.

    Attributes:
        code: a short word for programs, such as ``model_not_found``.
        headers: sent with the answer (``retry-after``).
    """

    status: int
    what: str
    expected: str = ""
    fix: str = ""
    code: str = "invalid_request"
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def message(self) -> str:
        """One line for a person."""
        parts = [self.what]
        parts += [f"expected: {self.expected}"] if self.expected else []
        parts += [f"fix: {self.fix}"] if self.fix else []
        return "; ".join(parts)

    def __str__(self) -> str:
        return self.message


def refusal_of(error: Exception) -> RefusalError:
    """The refusal that an exception amounts to.

    What a task says about the caller's own row or option is passed on (without the place, which may
    be a path); anything else is the server's fault and tells the caller nothing of its inside.
    """
    if isinstance(error, RefusalError):
        return error
    if isinstance(error, InputError):
        # An error quotes the value it refuses, which may be long.
        return RefusalError(422, error.what[:_LONGEST], error.expected[:_LONGEST], error.fix[:_LONGEST])
    return RefusalError(
        500,
        "the server failed on this request",
        fix="try again; if it stays, give the x-request-id of this answer to whoever runs the server",
        code="internal_error",
    )


class DeadlineError(RefusalError):
    """The answer would have come too late."""

    def __init__(self, seconds: float) -> None:
        super().__init__(504, f"no answer within {seconds:.3g} s", fix="send less, or try again later", code="timeout")


class OverloadError(RefusalError):
    """As much work waits as may wait, or more than can be done in time."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(503, "too much work is waiting", **_later(retry_after), code="overloaded")


class TooManyError(RefusalError):
    """One caller has as much work waiting as it may have beside others."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(429, "too much of your work is waiting", **_later(retry_after), code="too_many_requests")


class NoRoomError(RefusalError):
    """As many tokens wait for room in the cache as may wait, or more than can be written in time."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(429, "too many tokens are waiting", **_later(retry_after), code="too_many_tokens")


class WorkerGoneError(RefusalError):
    """The worker ended while it answered, and what it had answered was sent already."""

    def __init__(self) -> None:
        super().__init__(503, "the answer was cut off", **_later(1), code="worker_lost")


class QuarantineError(RefusalError):
    """The row ended two workers and is not tried again."""

    def __init__(self) -> None:
        super().__init__(
            500,
            "the model ended twice while it had this row",
            fix="do not send it again; give the x-request-id of this answer to whoever runs the server",
            code="quarantined",
        )


class StalledError(RefusalError):
    """The reader of a growing answer stopped reading."""

    def __init__(self, seconds: float) -> None:
        super().__init__(408, f"the answer was not read for {seconds:.3g} s", code="stalled")


class ClientGoneError(RefusalError):
    """Nobody is left to answer; the status is for the log only (nginx's number for it)."""

    def __init__(self) -> None:
        super().__init__(499, "the client closed the connection", code="client_gone")


def _later(seconds: int) -> dict[str, Any]:
    seconds = max(1, seconds)
    return {"fix": f"try again after {seconds} s", "headers": {"retry-after": str(seconds)}}
