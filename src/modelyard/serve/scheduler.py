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
from contextlib import aclosing
from functools import cached_property
from typing import Any, cast

from modelyard.core import lookup
from modelyard.core.predictor import apply_opened, open_transforms
from modelyard.core.task import GeneratingTask, Piece, Prediction
from modelyard.core.transform import Row, Transform
from modelyard.serve import spans
from modelyard.serve.batching import Gathering, Job, RowJob, StreamJob, choose_batch
from modelyard.serve.cache_room import CacheRoom
from modelyard.serve.cost import CostModel
from modelyard.serve.crew import Crew
from modelyard.serve.foresight import Foresight
from modelyard.serve.fork_server import ForkServer
from modelyard.serve.lengths import Lengths
from modelyard.serve.limits import Limits
from modelyard.serve.pace import Pace
from modelyard.serve.quarantine import Quarantine
from modelyard.serve.refusals import DeadlineError, NoRoomError, OverloadError, RefusalError, TooManyError
from modelyard.serve.waiting import Caller, Waiting

_FRONT = 256
"""Jobs that are looked at for one batch."""
_AHEAD = 2
"""Batches that a worker may have at once: it takes up the next one without waiting for word from here, which is late
on a busy machine."""
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
        pace: told of each token, where the model generates text.
    """

    def __init__(
        self,
        source: ForkServer,
        count: int,
        limits: Limits,
        *,
        observe_batch: Callable[[int], None] = _ignore,
        observe_loss: Callable[[], None] = _ignore,
        pace: Pace | None = None,
    ) -> None:
        self._limits, self._observe_loss, self._pace = limits, observe_loss, pace
        self._model, self._task = source.model, lookup.task(source.model.task)
        self._generates = "generation" in self._task.abilities
        self.room = CacheRoom(count * source.cache_tokens)
        self._most_room = source.cache_tokens
        self._cost = CostModel(source.timings)
        self._crew = Crew(
            source,
            count,
            limits,
            desk=self,
            cost=self._cost,
            seats=source.slots if self._generates else _AHEAD,
            observe_batch=observe_batch,
        )
        self._waiting: Waiting[Job] = Waiting()
        self._again: list[Job] = []
        self._quarantine = Quarantine()
        self._foresight = Foresight()
        self._accepted = self._running = 0
        self._empty = asyncio.Event()
        self._empty.set()
        self._closing = False

    async def start(self) -> None:
        """Start the workers; returns when each is ready or has failed once."""
        # Reading a tokenizer takes a while; no row waits for it.
        await asyncio.to_thread(lambda: self._lengths)
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
    def running(self) -> int:
        """Answers that workers are writing."""
        return self._running

    @property
    def waiting_tokens(self) -> int:
        """Tokens of cache that answers wait for."""
        return sum(job.room for job in [*self._waiting, *self._again] if isinstance(job, StreamJob))

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
        if self._generates:
            return await self._write(rows, options, seconds, caller)
        loop = asyncio.get_running_loop()
        gathering = Gathering(len(rows))
        key = json.dumps(options, sort_keys=True) if options else ""
        begun = loop.time()
        end = begun + seconds
        jobs = [
            RowJob(row, options, key, gathering, n, end, caller, self._lengths.of(row)) for n, row in enumerate(rows)
        ]
        for job in jobs:
            job.cost = self._cost.seconds(1, job.length)
        foreseen = self._enter(jobs, caller, seconds)
        timer = loop.call_at(end, lambda: gathering.deliver(0, DeadlineError(seconds)))
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
        room = await asyncio.to_thread(self._room_for, row, options)
        limits = self._limits
        job = StreamJob(row, options, end, caller, room, limits.stream_pieces, limits.stall_seconds, self._pace)
        job.cost = self.room.seconds(room)
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

    def _room_for(self, row: Row, options: Mapping[str, Any]) -> int:
        (ready,) = apply_opened(self._transforms, [row])
        return cast(GeneratingTask, self._task).room_for(self.processor, ready, options)

    @cached_property
    def _transforms(self) -> Sequence[Transform]:
        return open_transforms(self._model.transforms)

    @cached_property
    def processor(self) -> Any:
        """What the task needs beside rows: a tokenizer say."""
        return self._task.processor(self._model)

    @cached_property
    def _lengths(self) -> Lengths:
        return Lengths(self.processor, self._model.settings)

    async def _write(
        self, rows: Sequence[Row], options: Mapping[str, Any], seconds: float, caller: Caller
    ) -> list[Prediction]:
        """Whole answers, which are written beside each other."""
        tasks = [asyncio.create_task(self._collect(row, options, seconds, caller)) for row in rows]
        try:
            return await asyncio.gather(*tasks)
        finally:
            # One refused row ends the request; its other rows need no answer any more.
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _collect(self, row: Row, options: Mapping[str, Any], seconds: float, caller: Caller) -> Prediction:
        async with aclosing(self.stream(row, options, seconds, caller)) as pieces:
            found = [piece async for piece in pieces]
        last = found[-1]
        return {
            "text": "".join(piece.text for piece in found),
            "finish_reason": last.finish_reason,
            "prompt_tokens": last.prompt_tokens,
            "completion_tokens": last.completion_tokens,
        }

    async def close(self) -> None:
        """Answer what was accepted, then end the workers."""
        self._closing = True
        if self._crew.hopeful:
            await self._empty.wait()
        await self._crew.close()

    def _enter(self, jobs: Sequence[Job], caller: Caller, seconds: float) -> float:
        """Let them wait, if they may; the seconds that they should take, as batches cost on the average."""
        foreseen = self._admit(jobs, caller, seconds)
        traced, now = spans.enter()
        self._accepted += len(jobs)
        self._empty.clear()
        for job in jobs:
            job.traced, job.entered = traced, now
            self._waiting.add(job)
        self._crew.wake()
        return foreseen

    def _admit(self, jobs: Sequence[Job], caller: Caller, seconds: float) -> float:
        """Refuse at once what would not be answered in time, or would keep others from it."""
        if not self.hopeful:
            raise RefusalError(503, "the model is not running", code="unavailable", headers={"retry-after": "1"})
        begin = self._foreseen(caller)
        wait = self._foresight.surely(begin)
        room = self._limits.queue_rows - self._accepted
        if len(jobs) > room:
            raise OverloadError(math.ceil(wait))
        # A caller may hold as much as is still free (dynamic thresholds, Choudhury and Hahne 1998), so that one who
        # has little waiting always finds room.
        if self._waiting.rows_of(caller.name) + len(jobs) > room:
            raise TooManyError(math.ceil(wait))
        own = sum(job.cost for job in jobs) / self._crew.size
        most = min(self._limits.queue_seconds, max(0.0, seconds - self._foresight.surely(own)))
        if self._cost.known and wait > most:
            raise OverloadError(math.ceil(wait - most))
        for job in jobs:
            if isinstance(job, StreamJob):
                self._admit_tokens(job.room, seconds)
        self._quarantine.check(jobs)
        return begin + own

    def _foreseen(self, caller: Caller) -> float:
        """Seconds until a row of this caller that comes now would begin, as batches cost on the average."""
        return (self._waiting.cost_before(caller) + self._crew.busy_seconds) / self._crew.size

    def _admit_tokens(self, room: int, seconds: float) -> None:
        """Refuse an answer for which there would be no room in time."""
        if room > self._most_room:
            raise RefusalError(
                422,
                f"prompt and answer may come to {room} tokens",
                expected=f"at most {self._most_room} at once",
                fix="ask for fewer tokens, or serve with a larger --cache-limit",
            )
        waiting = self.waiting_tokens + room
        if waiting > self._limits.cache_waiting * self.room.tokens or self.room.wait(waiting) > seconds:
            raise NoRoomError(self.room.retry_after(waiting))

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
        if not self.waiting_rows:
            return []
        if not idle and not self._generates and not self._may_hand_ahead():
            return []
        now = asyncio.get_running_loop().time()
        while front := self._again[:1] or self._waiting.front(_FRONT):
            late = [job for job in front if job.abandoned or job.deadline <= now]
            if not late:
                if isinstance(front[0], StreamJob) and not self._may_begin(front[0], idle):
                    return []
                batch = choose_batch(front, self._cost, most=self._limits.batch_rows, idle=max(1, idle))
                for job in batch:
                    self._begin(job)
                return batch
            for job in late:
                self._withdraw(job)
        return []

    def _may_begin(self, job: StreamJob, idle: int) -> bool:
        """It has room in the cache; and a worker for itself, if it has lost one."""
        return self.room.fits(job.room) and (idle > 0 or not job.losses)

    def _begin(self, job: Job) -> None:
        """A worker takes it."""
        self._waiting.take(job)
        self._withdraw(job)
        if isinstance(job, StreamJob):
            self._running += 1
            self.room.take(job.room)

    def ended(self, job: StreamJob) -> None:
        """Its room in the cache is free."""
        self._running -= 1
        self.room.give_back(job.room)

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
            if job.losses >= _LOSSES:
                job.deliver(self._quarantine.add(job))
            else:
                self._again.append(job)
        self._crew.wake()
