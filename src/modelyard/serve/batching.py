"""Which waiting rows share one call of the model.

A batch costs as much as its longest row times their number, so rows of like length go together; the
oldest goes first, so that none waits for ever. Knows no threads and no model.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from modelyard.core.task import Piece, Prediction
from modelyard.core.transform import Row
from modelyard.serve.bridge import Bridge


@dataclass(eq=False)
class RowJob:
    """One row that waits for its prediction; rows of equal ``options_key`` may share a batch."""

    row: Row
    options: Mapping[str, Any]
    options_key: str
    answer: asyncio.Future[Prediction]

    @cached_property
    def length(self) -> int:
        """Characters of the row's texts: near enough to tokens to put like with like."""
        return sum(len(value) for value in self.row.values() if isinstance(value, str))

    @property
    def abandoned(self) -> bool:
        return self.answer.done()


@dataclass(eq=False)
class StreamJob:
    """One row whose answer is read while it grows; it has the model for itself."""

    row: Row
    options: Mapping[str, Any]
    pieces: Bridge[Piece | Exception]

    @property
    def abandoned(self) -> bool:
        return self.pieces.closed


Job = RowJob | StreamJob


def choose_batch(waiting: Sequence[Job], most: int) -> list[Job]:
    """The oldest job and, if it may share, those nearest to it in length (the older one of equals)."""
    oldest = waiting[0]
    if isinstance(oldest, StreamJob) or most == 1:
        return [oldest]
    mates = [job for job in waiting if isinstance(job, RowJob) and job.options_key == oldest.options_key]
    return [*sorted(mates, key=lambda job: abs(job.length - oldest.length))[:most]]
