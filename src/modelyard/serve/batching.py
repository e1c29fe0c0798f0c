"""Which waiting rows share one call of the model.

A batch costs a call, and as much as its longest row times their number: rows of like length go together, as long as
the call that is spared is worth the padding, and until a larger batch would do a row in hardly less. The row that is
due first is always among them, so that none waits for ever. Knows no process and no clock.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from modelyard.core.task import Piece, Prediction
from modelyard.core.transform import Row
from modelyard.serve.cost import CostModel
from modelyard.serve.pace import Pace
from modelyard.serve.refusals import StalledError, WorkerGoneError
from modelyard.serve.spans import Traced
from modelyard.serve.waiting import Caller


class Gathering:
    """The answers to the rows of one request, as they come."""

    def __init__(self, count: int) -> None:
        self.answers: asyncio.Future[list[Prediction]] = asyncio.get_running_loop().create_future()
        self._found: list[Prediction | None] = [None] * count
        self._missing = count

    def deliver(self, number: int, answer: Prediction | Exception) -> None:
        """The answer to one row; one that failed is the answer to the request."""
        if self.answers.done():
            return
        if isinstance(answer, Exception):
            self.answers.set_exception(answer)
            return
        self._found[number] = answer
        self._missing -= 1
        if not self._missing:
            self.answers.set_result([found for found in self._found if found is not None])

    def close(self) -> None:
        """Nobody waits any more."""
        if not self.answers.cancel() and not self.answers.cancelled():
            # Taken note of, also where the caller left in the same moment.
            self.answers.exception()


@dataclass(eq=False)
class RowJob:
    """One row that waits for its prediction; rows of equal ``options_key`` may share a batch.

    Attributes:
        deadline: the loop's time after which the answer is no use.
        length: what is padded where rows of unequal length share a call.
        losses: workers that ended while they had it; after the first it runs alone.
        traced: the request that it is of, if that is traced, which began to wait at ``entered``.
    """

    row: Row
    options: Mapping[str, Any]
    options_key: str
    gathering: Gathering
    number: int
    deadline: float
    caller: Caller
    length: int
    cost: float = 0.0
    due: float = 0.0
    losses: int = 0
    traced: Traced | None = None
    entered: int = 0

    @property
    def abandoned(self) -> bool:
        return self.gathering.answers.done()

    def deliver(self, answer: Prediction | Exception) -> None:
        self.gathering.deliver(self.number, answer)


@dataclass(eq=False)
class StreamJob:
    """One row whose answer is read while it grows, beside others.

    Attributes:
        room: tokens of cache that it may come to hold.
        most: pieces that may wait for a reader that has stalled.
        stall: seconds after which such a reader is given up.
        pace: told of each piece.
        failure: why no more will come.
        closed: nobody reads any more.
    """

    row: Row
    options: Mapping[str, Any]
    deadline: float
    caller: Caller
    room: int
    most: int
    stall: float
    pace: Pace | None = None
    cost: float = 0.0
    due: float = 0.0
    losses: int = 0
    failure: Exception | None = None
    closed: bool = False
    traced: Traced | None = None
    entered: int = 0

    def __post_init__(self) -> None:
        self._pieces: asyncio.Queue[Piece | None] = asyncio.Queue()
        self._read_at = self._came_at = asyncio.get_running_loop().time()
        self._tokens: int | None = None
        self._stop: Callable[[], None] | None = None
        self._told = self._written = ""

    @property
    def abandoned(self) -> bool:
        return self.closed or self.failure is not None

    def begin(self, stop: Callable[[], None]) -> None:
        """A worker writes it from its beginning; it may be another one that has lost it."""
        self._stop, self._written = stop, ""

    def take(self, piece: Piece) -> None:
        """More of the answer; what was told before a worker was lost is not told again."""
        now = asyncio.get_running_loop().time()
        if self.pace is not None:
            self._tokens = self.pace.saw(piece, self._tokens, now - self._came_at)
        self._came_at = now
        self._written += piece.text
        if not self._written.startswith(self._told):
            if piece.finish_reason is not None or not self._told.startswith(self._written):
                # Rounding has turned it elsewhere, and what was told cannot be taken back.
                self.deliver(WorkerGoneError())
            return
        self._pieces.put_nowait(replace(piece, text=self._written[len(self._told) :]))
        self._told = self._written
        if now - self._read_at > self.stall and self._pieces.qsize() > self.most:
            self.deliver(StalledError(self.stall))

    def deliver(self, answer: Exception) -> None:
        """Why no more will come; what came before is still read."""
        self.failure = answer
        # It wakes a reader that waits.
        self._pieces.put_nowait(None)
        self._end()

    async def read(self) -> Piece:
        """The next piece.

        Raises:
            Exception: why there is none.
        """
        self._read_at = math.inf
        piece = await self._pieces.get()
        self._read_at = asyncio.get_running_loop().time()
        if piece is None:
            raise self.failure or RuntimeError("an answer ended without a reason")
        return piece

    def close(self) -> None:
        """The reader wants no more."""
        self.closed = True
        self._end()

    def _end(self) -> None:
        if self._stop is not None:
            self._stop()
            self._stop = None


Job = RowJob | StreamJob


def choose_batch(front: Sequence[Job], cost: CostModel, *, most: int, idle: int) -> list[Job]:
    """The job that is due first and, if it may share, those nearest to it in length that are worth it.

    Args:
        front: the first jobs of the queue, in the order in which they are due.
        most: rows of a batch.
        idle: workers that wait; what is there is shared out among them.
    """
    first = front[0]
    if isinstance(first, StreamJob) or first.losses or len(front) == 1:
        return [first]
    mates = [job for job in front[1:] if isinstance(job, RowJob) and job.options_key == first.options_key]
    most = cost.worthwhile(first.length, min(most, math.ceil((1 + len(mates)) / idle)))
    batch, longest, seconds = [first], first.length, cost.seconds(1, first.length)
    full = {False: False, True: False}
    for job in sorted(mates, key=lambda mate: abs(mate.length - first.length)):
        if len(batch) >= most or all(full.values()):
            break
        # Nearest first: where one does not pay, no further one on that side does.
        longer = job.length > first.length
        if job.losses or full[longer]:
            continue
        together = cost.seconds(len(batch) + 1, max(longest, job.length))
        if cost.tried(len(batch) + 1) and together > seconds + cost.seconds(1, job.length):
            # Padding would eat up the call that is spared.
            full[longer] = True
            continue
        batch.append(job)
        longest, seconds = max(longest, job.length), together
    return [*batch]
