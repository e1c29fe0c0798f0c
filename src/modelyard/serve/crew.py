"""The workers of one model: started, handed batches when they are free, and started again when they are lost.

Knows no queue: it asks for the next batch, and hands back a batch whose worker ended.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from typing import Protocol

from modelyard.core.errors import ModelyardError
from modelyard.core.task import Piece
from modelyard.serve.batching import Job, RowJob, StreamJob
from modelyard.serve.cost import CostModel
from modelyard.serve.fork_server import ForkServer
from modelyard.serve.limits import Limits
from modelyard.serve.refusals import StalledError
from modelyard.serve.worker import Worker, WorkerLostError

_HOPE = 5
"""Starts in a row that may fail before nobody waits for the next one."""


class Desk(Protocol):
    """Where the crew gets its work."""

    def next_batch(self, idle: int) -> list[Job]:
        """What to run next while so many workers wait; empty when there is nothing."""
        ...

    def worker_lost(self, batch: list[Job]) -> None:
        """A worker ended; ``batch`` is what it had and did not answer."""
        ...


class Backoff:
    """Pauses before each further try, twice as long every time.

    Attributes:
        failures: tries since the last success.
    """

    def __init__(self, first: float = 0.05, most: float = 5.0) -> None:
        self.failures = 0
        self._first, self._most = first, most

    def next(self) -> float:
        """Seconds to wait."""
        self.failures += 1
        return min(self._most, self._first * 2.0 ** min(self.failures - 1, 30))

    def reset(self) -> None:
        """It succeeded."""
        self.failures = 0


class Crew:
    """A supervised set of workers.

    Args:
        source: where their processes come from.
        count: how many.
        cost: told what each batch took.
        observe_batch: told the rows of each batch.
    """

    def __init__(
        self,
        source: ForkServer,
        count: int,
        limits: Limits,
        *,
        desk: Desk,
        cost: CostModel,
        observe_batch: Callable[[int], None],
    ) -> None:
        self._limits, self._desk, self._cost, self._observe_batch = limits, desk, cost, observe_batch
        self._workers = {Worker(source, limits.batch_seconds): Backoff() for _ in range(count)}
        self._attendants: list[asyncio.Task[None]] = []
        self._idle: dict[Worker, asyncio.Future[list[Job] | None]] = {}
        self._ends: dict[Worker, float] = {}
        self._waking = False

    async def start(self) -> None:
        """Start the workers; returns when each is ready or has failed once."""
        tried = [asyncio.Event() for _ in self._workers]
        for worker, event in zip(self._workers, tried, strict=True):
            self._attendants.append(asyncio.create_task(self._attend(worker, event)))
        for event in tried:
            await event.wait()

    @property
    def size(self) -> int:
        return len(self._workers)

    @property
    def live(self) -> list[Worker]:
        """Workers that are there, busy or not."""
        return [worker for worker in self._workers if worker.live]

    @property
    def hopeful(self) -> bool:
        """Whether a worker is there, or should be shortly."""
        return bool(self._attendants) and any(
            worker.live or pause.failures < _HOPE for worker, pause in self._workers.items()
        )

    @property
    def busy_seconds(self) -> float:
        """How much longer what runs now should take, of all workers."""
        now = asyncio.get_running_loop().time()
        return sum(max(0.0, end - now) for end in self._ends.values())

    def wake(self) -> None:
        """There is work."""
        # Not at once: requests that came together are read in this turn of the loop.
        if self._idle and not self._waking:
            self._waking = True
            asyncio.get_running_loop().call_soon(self._hand_out)

    async def close(self) -> None:
        """End the workers; what they have is not answered."""
        for attendant in self._attendants:
            attendant.cancel()
        await asyncio.gather(*self._attendants, return_exceptions=True)
        for worker in self._workers:
            worker.close()

    async def _attend(self, worker: Worker, tried: asyncio.Event) -> None:
        pause = self._workers[worker]
        while True:
            try:
                await worker.start(lambda: self._release(worker))
                tried.set()
                self._desk.worker_lost(await self._work(worker))
            except (WorkerLostError, ModelyardError, OSError):
                tried.set()
            await asyncio.sleep(pause.next())

    async def _work(self, worker: Worker) -> list[Job]:
        """Until the worker is lost; gives what it had then."""
        while (batch := await self._take(worker)) is not None:
            self._observe_batch(len(batch))
            try:
                await self._run(worker, batch)
            except WorkerLostError:
                return batch
            self._workers[worker].reset()
        return []

    async def _take(self, worker: Worker) -> list[Job] | None:
        """The next batch, or None once the worker is lost."""
        if not worker.live:
            return None
        future: asyncio.Future[list[Job] | None] = asyncio.get_running_loop().create_future()
        self._idle[worker] = future
        self.wake()
        return await future

    def _release(self, worker: Worker) -> None:
        """A worker was lost; if it waits for work, it waits no more."""
        future = self._idle.pop(worker, None)
        if future is not None and not future.done():
            future.set_result(None)

    def _hand_out(self) -> None:
        self._waking = False
        while self._idle and (batch := self._desk.next_batch(len(self._idle))):
            _, future = self._idle.popitem()
            future.set_result(batch)

    async def _run(self, worker: Worker, batch: list[Job]) -> None:
        if isinstance(batch[0], StreamJob):
            await self._stream(worker, batch[0])
        else:
            await self._predict(worker, [job for job in batch if isinstance(job, RowJob)])

    async def _predict(self, worker: Worker, batch: list[RowJob]) -> None:
        clock = asyncio.get_running_loop().time
        longest = max(job.length for job in batch)
        started = clock()
        self._ends[worker] = started + self._cost.seconds(len(batch), longest)
        try:
            answers = await worker.predict([job.row for job in batch], batch[0].options)
        finally:
            del self._ends[worker]
        self._cost.observe(len(batch), longest, clock() - started)
        for job, answer in zip(batch, answers, strict=True):
            job.deliver(answer)

    async def _stream(self, worker: Worker, job: StreamJob) -> None:
        async with aclosing(worker.stream(job.row, job.options)) as pieces:
            try:
                async for piece in pieces:
                    if not await self._pass_on(job, piece):
                        return
            except WorkerLostError:
                raise
            except Exception as error:
                job.deliver(error)

    async def _pass_on(self, job: StreamJob, piece: Piece) -> bool:
        """Whether the reader wants more; one that stalls is given up."""
        job.begun = True
        try:
            async with asyncio.timeout(self._limits.stall_seconds):
                await job.pieces.put(piece)
        except TimeoutError:
            job.deliver(StalledError(self._limits.stall_seconds))
        return not job.closed and job.failure is None
