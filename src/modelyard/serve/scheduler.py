"""Between HTTP and the workers: what waits, what runs together, and what is turned away.

One scheduler a model, on the event loop. A batch is formed when a worker is free, from what waits then; nothing
waits for a timer. What a lost worker had is tried once more, each row alone: a row that ends a second worker is
not tried again. Knows nothing of HTTP and nothing of what a row means.
"""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import Any

from modelyard.core import lookup
from modelyard.core.task import Piece, Prediction
from modelyard.core.transform import Row
from modelyard.serve import spans
from modelyard.serve.batching import BYTES_PER_TOKEN, Gathering, Job, RowJob, StreamJob, choose_batch
from modelyard.serve.cost import CostModel
from modelyard.serve.crew import Crew
from modelyard.serve.foresight import Foresight
from modelyard.serve.fork_server import ForkServer
from modelyard.serve.limits import Limits
from modelyard.serve.quarantine import Quarantine
from modelyard.serve.refusals import DeadlineError, OverloadError, RefusalError, TooManyError, WorkerGoneError
from modelyard.serve.waiting import Caller, Waiting

_FRONT = 256
"""Jobs that are looked at for one batch."""
_LOSSES = 2
"""Workers that one row may end."""
_SHORT = 0.05
"""Seconds of a call that a row may well wait behind."""
_ANYONE = Caller()


def _ignore(*_: object) -> None:
    return None


class Scheduler:
    """Runs one model for many callers.

    Args:
        source: where the workers come from.
        count: how many work at once.
        observe_batch: told the rows of each batch.
        observe_loss: told of each worker that is lost.
    """

    def __init__(
        self,
        source: ForkServer,
        count: int,
        limits: Limits,
        *,
        observe_batch: Callable[[int], None] = _ignore,
        observe_loss: Callable[[], None] = _ignore,
    ) -> None:
        self._limits, self._observe_loss = limits, observe_loss
        self._generates = "generation" in lookup.task(source.model.task).abilities
        self._longest = int(source.model.settings.get("max_length", limits.text_characters)) * BYTES_PER_TOKEN
        self._cost = CostModel(source.timings)
        self._crew = Crew(
            source,
            count,
            limits,
            desk=self,
            cost=self._cost,
            # A growing answer has a worker for itself, and takes too long to wait behind.
            ahead=not self._generates,
            observe_batch=observe_batch,
        )
        self._waiting: Waiting[Job] = Waiting()
        self._again: list[Job] = []
        self._quarantine = Quarantine()
        self._foresight = Foresight()
        self._accepted = 0
        self._empty = asyncio.Event()
        self._empty.set()
        self._closing = False

    async def start(self) -> None:
        """Start the workers; returns when each is ready or has failed once."""
        await self._crew.start()

    @property
    def alive(self) -> bool:
        """Whether a worker is there to take work."""
        return not self._closing and bool(self._crew.live)

    @property
    def hopeful(self) -> bool:
        """Whether a worker is there, or should be shortly; if not, all work is turned away."""
        return not self._closing and self._crew.hopeful

    @property
    def waiting_rows(self) -> int:
        """Rows that no worker has taken yet."""
        return len(self._waiting) + len(self._again)

    @property
    def processes(self) -> list[int]:
        """Numbers of the worker processes that are there."""
        return [worker.process for worker in self._crew.live if worker.process is not None]

    async def submit(
        self, rows: Sequence[Row], options: Mapping[str, Any], seconds: float, caller: Caller = _ANYONE
    ) -> list[Prediction]:
        """Predictions in the order of the rows; cancelling the call withdraws what still waits.

        Args:
            options: for the task; equal ones may share a batch.
            seconds: the answer is no use after that.
            caller: whose turn it uses.

        Raises:
            RefusalError: 429 or 503 when too much waits, 504 when the time is over.
            InputError: the task refused a row or an option.
        """
        loop = asyncio.get_running_loop()
        gathering = Gathering(len(rows))
        key = json.dumps(options, sort_keys=True) if options else ""
        begun = loop.time()
        end = begun + seconds
        jobs = [RowJob(row, options, key, gathering, n, end, caller, self._longest) for n, row in enumerate(rows)]
        for job in jobs:
            job.cost = self._cost.seconds(1, job.length)
        foreseen = self._foreseen(caller) + sum(job.cost for job in jobs) / self._crew.size
        self._enter(jobs, caller, seconds)
        timer = loop.call_at(end, gathering.deliver, 0, DeadlineError(seconds))
        try:
            answers = await gathering.answers
            self._foresight.came(foreseen, loop.time() - begun)
            return answers
        except DeadlineError:
            self._foresight.came(foreseen, seconds)
            raise
        finally:
            timer.cancel()
            # One refused row ends the request; its other rows need no answer any more.
            gathering.close()
            self._leave(jobs)

    async def stream(
        self, row: Row, options: Mapping[str, Any], seconds: float, caller: Caller = _ANYONE
    ) -> AsyncGenerator[Piece, None]:
        """The answer to one row as it grows; closing the generator stops the work. Raises as ``submit`` does."""
        end = asyncio.get_running_loop().time() + seconds
        job = StreamJob(row, options, asyncio.Queue(self._limits.stream_pieces), end, caller)
        job.cost = self._cost.seconds(1, 0)
        self._enter([job], caller, seconds)
        try:
            finished = False
            while not finished:
                async with asyncio.timeout_at(end):
                    piece = await job.read()
                finished = piece.finish_reason is not None
                yield piece
        except TimeoutError:
            raise DeadlineError(seconds) from None
        finally:
            job.close()
            self._leave([job])

    async def close(self) -> None:
        """Answer what was accepted, then end the workers."""
        self._closing = True
        if self._crew.hopeful:
            await self._empty.wait()
        await self._crew.close()

    def _enter(self, jobs: Sequence[Job], caller: Caller, seconds: float) -> None:
        self._admit(jobs, caller, seconds)
        traced, now = spans.enter()
        self._accepted += len(jobs)
        self._empty.clear()
        for job in jobs:
            job.traced, job.entered = traced, now
            self._waiting.add(job)
        self._crew.wake()

    def _admit(self, jobs: Sequence[Job], caller: Caller, seconds: float) -> None:
        """Refuse at once what would not be answered in time, or would keep others from it."""
        if not self.hopeful:
            raise RefusalError(503, "the model is not running", code="unavailable", headers={"retry-after": "1"})
        wait = self._foresight.surely(self._foreseen(caller))
        room = self._limits.queue_rows - self._accepted
        if len(jobs) > room:
            raise OverloadError(math.ceil(wait))
        # A caller may hold as much as is still free (dynamic thresholds, Choudhury and Hahne 1998), so that one who
        # has little waiting always finds room.
        if self._waiting.rows_of(caller.name) + len(jobs) > room:
            raise TooManyError(math.ceil(wait))
        own = self._foresight.surely(sum(job.cost for job in jobs) / self._crew.size)
        most = min(self._limits.queue_seconds, max(0.0, seconds - own))
        if self._cost.known and not self._generates and wait > most:
            raise OverloadError(math.ceil(wait - most))
        self._quarantine.check(jobs)

    def _foreseen(self, caller: Caller) -> float:
        """Seconds until a row of this caller that comes now would begin, as batches cost on the average."""
        return (self._waiting.cost_before(caller) + self._crew.busy_seconds) / self._crew.size

    def _leave(self, jobs: Sequence[Job]) -> None:
        self._accepted -= len(jobs)
        for job in jobs:
            self._withdraw(job)
        if not self._accepted:
            self._empty.set()

    def _withdraw(self, job: Job) -> None:
        self._waiting.remove(job)
        if job in self._again:
            self._again.remove(job)

    def next_batch(self, idle: int) -> list[Job]:
        """What is worth running now; what is too late never runs."""
        if not idle and not self._may_hand_ahead():
            return []
        now = asyncio.get_running_loop().time()
        while front := self._again[:1] or self._waiting.front(_FRONT):
            late = [job for job in front if job.abandoned or job.deadline <= now]
            if not late:
                batch = choose_batch(front, self._cost, most=self._limits.batch_rows, idle=max(1, idle))
                for job in batch:
                    self._waiting.take(job)
                    self._withdraw(job)
                return batch
            for job in late:
                self._withdraw(job)
        return []

    def _may_hand_ahead(self) -> bool:
        """What is handed to a busy worker cannot be called back; it costs little where others are left to choose from
        and calls are short."""
        first = self._waiting.front(1)
        seconds = self._cost.seconds(1, first[0].length) if first and isinstance(first[0], RowJob) else math.inf
        return self._cost.known and self.waiting_rows > self._crew.size and seconds < _SHORT

    def worker_lost(self, begun: list[Job], in_line: list[Job]) -> None:
        """Try each row again, alone, unless it is the one that ends workers."""
        self._observe_loss()
        self._again += in_line
        for job in begun:
            job.losses += 1
            if job.abandoned:
                continue
            if isinstance(job, StreamJob) and job.begun:
                job.deliver(WorkerGoneError())
            elif job.losses >= _LOSSES:
                job.deliver(self._quarantine.add(job))
            else:
                self._again.append(job)
        self._crew.wake()
