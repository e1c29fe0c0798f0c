"""What became of a request on its way through the model, told to whoever traces it. Knows no tracer.

A request that is traced says so in the context that its work is done in; where none is, nothing is noted.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Call:
    """One call of the model; times are nanoseconds since the epoch.

    Attributes:
        entered: the request's rows began to wait.
        handed: a worker was given the batch.
        done: its answers were there, or it was lost.
        rows: of the batch, those of other requests too.
        process: number of the worker.
        began: the worker was at it from then, as it says itself, to ``ended``; None where it did not say.
    """

    entered: int
    handed: int
    done: int
    rows: int
    process: int | None
    began: int | None = None
    ended: int | None = None

    @property
    def lost(self) -> bool:
        return self.began is None


class Traced(Protocol):
    """A request whose way is noted."""

    def ran(self, call: Call) -> None:
        """Rows of it were in this call."""
        ...


CURRENT: ContextVar[Traced | None] = ContextVar("traced", default=None)
"""The request that is worked for here."""


class Waiter(Protocol):
    """What waited for the model."""

    traced: Traced | None
    entered: int


def enter() -> tuple[Traced | None, int]:
    """The request that begins to wait, and the time."""
    traced = CURRENT.get()
    return traced, time.time_ns() if traced else 0


def tell(
    batch: Sequence[Waiter], handed: int, process: int | None, began: int | None = None, ended: int | None = None
) -> None:
    """Note a call that is over, once for each request in it."""
    requests = {id(job.traced): job for job in batch if job.traced is not None}
    done = time.time_ns() if requests else 0
    for job in requests.values():
        if job.traced is not None:
            job.traced.ran(Call(job.entered, handed, done, len(batch), process, began, ended))
