"""Who asks, how urgently and until when: read from a request's headers.

A key is one caller. Where no keys are asked for, whoever sends the same ``authorization`` is one, or else an address.
"""

from __future__ import annotations

import hashlib
import math

from starlette.requests import Request

from modelyard.core.access import LOCAL
from modelyard.serve.exchange import key_of
from modelyard.serve.refusals import RefusalError
from modelyard.serve.waiting import Caller

PRIORITY = "x-modelyard-priority"
TIMEOUT = "x-modelyard-timeout"

CLASSES = {"interactive": 4.0, "normal": 1.0, "batch": 0.25}
"""Class → share of the model beside others; none of them ever waits for all of another."""
_NUMBERS = {1: "interactive", 2: "normal", 3: "batch"}
"""Triton's parameter ``priority``: 1 is the highest, 0 what the server has by default."""


def caller_of(request: Request, priority: object = 0) -> Caller:
    """The caller of a request.

    Args:
        priority: a number that goes before the header, 0 where none is given.

    Raises:
        RefusalError: 422, an unknown class.
    """
    if priority != 0:
        chosen = _NUMBERS.get(priority) if type(priority) is int else None
        if chosen is None:
            raise RefusalError(422, f"priority {priority!r:.40}", expected="1 (interactive), 2 (normal) or 3 (batch)")
    else:
        chosen = request.headers.get(PRIORITY, "normal")
        if chosen not in CLASSES:
            raise RefusalError(422, f"{PRIORITY}: {chosen[:40]}", expected=f"one of: {', '.join(CLASSES)}")
    key, secret = key_of(request), request.headers.get("authorization")
    if key is not LOCAL:
        name = f"key {key.id}"
    elif secret is not None:
        name = hashlib.sha256(secret.encode()).hexdigest()
    else:
        name = request.client.host if request.client else ""
    return Caller(name, CLASSES[chosen])


def seconds_given(request: Request, most: float) -> float:
    """How long the client waits, as its header says; never more than ``most``.

    Raises:
        RefusalError: 422, it is no number of seconds.
    """
    text = request.headers.get(TIMEOUT)
    if text is None:
        return most
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not seconds > 0 or len(text) > 40:
        raise RefusalError(422, f"{TIMEOUT}: {text[:40]}", expected="seconds, more than 0")
    return min(seconds, most)
