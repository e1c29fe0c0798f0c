"""Which requests a canary answers, and which it answers a copy of: exact shares, evenly spread. Knows no model."""

from __future__ import annotations

from typing import Literal

from starlette.requests import Request

from modelyard.serve.refusals import RefusalError

HEADER = "x-modelyard-canary"
Wish = Literal["", "always", "never"]


class Turns:
    """Whose turn it is, so that any number of requests in a row holds a share as exactly as it can."""

    def __init__(self, share: float) -> None:
        self._share, self._due = share, 0.0

    def next(self) -> bool:
        """Whether the next request is one of the share."""
        self._due += self._share
        if self._due < 1 - 1e-9:
            return False
        self._due -= 1
        return True


class Canary:
    """A version on trial.

    Args:
        weight: percent of the requests that name no version; 0 for a shadow.
        mirror: share of the other requests that it answers a copy of.
    """

    def __init__(self, version: str, weight: int, mirror: float) -> None:
        self.version, self.weight = version, weight
        self._taken, self._copied = Turns(weight / 100), Turns(mirror)

    def takes(self, wish: Wish) -> bool:
        """Whether it answers the next request; what callers wish for themselves does not count."""
        if wish or not self.weight:
            return wish == "always" and self.weight > 0
        return self._taken.next()

    def copies(self) -> bool:
        """Whether it answers a copy of the next request that it did not take."""
        return self._copied.next()


def wish_of(request: Request) -> Wish:
    """What a caller says of canaries.

    Raises:
        RefusalError: 422, another word.
    """
    match request.headers.get(HEADER, ""):
        case "" | "always" | "never" as wish:
            return wish
        case other:
            raise RefusalError(422, f"{HEADER}: {other[:40]}", expected="always or never")
