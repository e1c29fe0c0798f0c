"""The workers of one model: started, handed batches when they are free, and started again when they are lost.

Knows no queue: it asks for the next batch, and hands back a batch whose worker ended.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from modelyard.core.errors import ModelyardError
from modelyard.serve import spans
from modelyard.serve.batching import Job, RowJob, StreamJob
from modelyard.serve.breadth import Breadth
from modelyard.serve.cost import CostModel, size_of
from modelyard.serve.fork_server import ForkServer
from modelyard.serve.limits import Limits
from modelyard.serve.worker import Worker, WorkerLostError

_QUIET = 8
"""Batches in a row that came alone until the next one is taken to have the machine to itself: of many callers whose
answers came together the first one back is alone for a moment only."""
_HOPE = 5
"""Starts in a row that may fail before nobody waits for the next one."""


class Desk(Protocol):
    """Where the crew gets its work."""

    @property
    def waiting_rows(self) -> int:
        """Rows that no worker has taken yet."""
        ...

    def next_batch(self, idle: int) -> list[Job]:
        """What to run next while so many workers wait; empty when there is nothing worth handing out.

        Args:
            idle: 0 for what a worker takes up as soon as it is done with what it is at.
        """
        ...

    def worker_lost(self, begun: list[Job], in_line: list[Job]) -> None:
        """A worker ended: what it was at, and what it had not looked at yet."""
        ...

    def ended(self, job: StreamJob) -> None:
        """A worker writes no more of that answer."""
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


@dataclass(frozen=True)
class _Handed:
    """What a worker is given.

    Attributes:
        lone: nothing else waits or runs, nor has for a while.
    """

    jobs: list[Job]
    lone: bool


class Crew:
    """A supervised set of workers.

    Args:
        source: where their processes come from.
        count: how many.
        cost: told what each batch took.
        seats: batches, or growing answers, that a worker may have at once.
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
        seats: int,
        observe_batch: Callable[[int], None],
    ) -> None:
        self._limits, self._desk, self._cost, self._observe_batch = limits, desk, cost, observe_batch
        self._workers = {Worker(source, limits.batch_seconds): Backoff() for _ in range(count)}
        self._attendants: list[asyncio.Task[None]] = []
        self._seats = seats
        self._idle: list[tuple[Worker, asyncio.Future[_Handed | None]]] = []
        # One is enough for what comes alone, and the model is opened for all cores but once.
        self._soloist = next(iter(self._workers)) if source.spreads else None
        self._breadth = Breadth()
        self._quiet = 0
        self._load = dict.fromkeys(self._workers, 0)
        self._ends = dict.fromkeys(self._workers, 0.0)
        self._alone: set[Worker] = set()
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
        return sum(max(0.0, end - now) for worker, end in self._ends.items() if self._load[worker])

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
                lost = await asyncio.gather(*(self._work(worker) for _ in range(self._seats)))
                self._desk.worker_lost(
                    [job for batch, begun in lost if begun for job in batch],
                    [job for batch, begun in lost if not begun for job in batch],
                )
            except (WorkerLostError, ModelyardError, OSError):
                tried.set()
            await asyncio.sleep(pause.next())

    async def _work(self, worker: Worker) -> tuple[list[Job], bool]:
        """Until the worker is lost; gives what it had then, and whether it was at it."""
        while (handed := await self._take(worker)) is not None:
            batch = handed.jobs
            self._observe_batch(len(batch))
            self._load[worker] += 1
            try:
                await self._run(worker, handed)
            except WorkerLostError as error:
                return batch, error.begun
            finally:
                self._load[worker] -= 1
                self._alone.discard(worker)
            self._workers[worker].reset()
        return [], False

    async def _take(self, worker: Worker) -> _Handed | None:
        """The next batch, or None once the worker is lost."""
        if not worker.live:
            return None
        future: asyncio.Future[_Handed | None] = asyncio.get_running_loop().create_future()
        self._idle.append((worker, future))
        self.wake()
        return await future

    def _release(self, worker: Worker) -> None:
        """A worker was lost; whoever waits for its work waits no more."""
        for seat in [seat for seat in self._idle if seat[0] is worker]:
            self._idle.remove(seat)
            if not seat[1].done():
                seat[1].set_result(None)

    def _hand_out(self) -> None:
        self._waking = False
        load = dict(self._load)
        while free := [seat for seat in self._idle if seat[0] not in self._alone]:
            idle = len({worker for worker, _ in free if not load[worker]})
            batch = self._desk.next_batch(idle)
            if not batch:
                return
            self._quiet = self._quiet + 1 if idle == self.size and not self._desk.waiting_rows else 0
            lone = self._soloist is not None and self._quiet > _QUIET
            # Of those with the least to do the one that was busy last: its caches are warm.
            seat = min(reversed(free), key=lambda seat: (load[seat[0]], lone and seat[0] is not self._soloist))
            self._idle.remove(seat)
            load[seat[0]] += 1
            if isinstance(batch[0], StreamJob) and batch[0].losses:
                # Should it end another worker, nobody is to be beside it.
                self._alone.add(seat[0])
            seat[1].set_result(_Handed(batch, lone))

    async def _run(self, worker: Worker, handed: _Handed) -> None:
        if isinstance(handed.jobs[0], StreamJob):
            await self._write(worker, handed.jobs[0])
        else:
            await self._predict(worker, [job for job in handed.jobs if isinstance(job, RowJob)], lone=handed.lone)

    async def _predict(self, worker: Worker, batch: list[RowJob], *, lone: bool) -> None:
        longest = max(job.length for job in batch)
        size = size_of(len(batch), longest)
        begins = max(asyncio.get_running_loop().time(), self._ends[worker] if self._load[worker] > 1 else 0.0)
        self._ends[worker] = begins + self._cost.seconds(len(batch), longest)
        spread = lone and self._breadth.pays(size)
        handed = time.time_ns()
        try:
            done = await worker.predict([job.row for job in batch], batch[0].options, spread=spread)
        except WorkerLostError:
            spans.tell(batch, handed, worker.process)
            raise
        spans.tell(batch, handed, worker.process, done.began, done.ended)
        if lone:
            self._breadth.saw(size, (done.ended - done.began) / 1e9, spread=done.spread)
        if not done.spread:
            self._cost.observe(len(batch), longest, done.work, done.seconds)
        for job, answer in zip(batch, done.answers, strict=True):
            job.deliver(answer)

    async def _write(self, worker: Worker, job: StreamJob) -> None:
        handed = time.time_ns()
        try:
            if not job.abandoned:
                await worker.write(job.row, job.options, job.caller.name, job.take, job.begin)
        except WorkerLostError:
            spans.tell([job], handed, worker.process)
            raise
        except Exception as error:
            job.deliver(error)
        finally:
            self._desk.ended(job)
        spans.tell([job], handed, worker.process, handed, time.time_ns())
