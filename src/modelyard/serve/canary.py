"""Which requests a canary answers, and which it answers a copy of: exact shares, evenly spread. Knows no model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from starlette.requests import Request

from modelyard.serve.refusals import RefusalError

HEADER = "x-modelyard-canary"
Wish = Literal["", "always", "never"]


@dataclass
class Canary:
    """A version on trial.

    Args:
        weight: percent of the requests that name no version; 0 for a shadow.
        mirror: share of the other requests that it answers a copy of.
    """

    version: str
    weight: int
    mirror: float
    _taken: float = 0.0
    _copied: float = 0.0

    def takes(self, wish: Wish) -> bool:
        """Whether it answers the next request; what callers wish for themselves does not count."""
        if wish or not self.weight:
            return wish == "always" and self.weight > 0
        self._taken += self.weight / 100
        if self._taken < 1 - 1e-9:
            return False
        self._taken -= 1
        return True

    def copies(self) -> bool:
        """Whether it answers a copy of the next request that it did not take."""
        self._copied += self.mirror
        if self._copied < 1 - 1e-9:
            return False
        self._copied -= 1
        return True


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
