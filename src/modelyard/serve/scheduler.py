"""Between HTTP and the model: what waits, what runs together, and what is turned away.

One scheduler a model. The event loop hands rows over and never waits; one thread owns the session.
Batches form from whatever waits when the model is free, without a timer: the oldest row and the rows
nearest to it in length, because a batch costs as much as its longest row times their number.
Knows nothing of HTTP and nothing of what a row means.
"""

from __future__ import annotations

import asyncio
import json
import math
import queue
import threading
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import Any

from modelyard.core.predictor import Predictor
from modelyard.core.task import Piece, Prediction
from modelyard.core.transform import Row
from modelyard.serve.batching import Job, RowJob, StreamJob, choose_batch
from modelyard.serve.bridge import Bridge
from modelyard.serve.limits import Limits
from modelyard.serve.refusals import DeadlineError, OverloadError, RefusalError


class Scheduler:
    """Runs one predictor for many callers.

    Args:
        predictor: used by this scheduler's thread only.
        observe_batch: told the number of rows of each batch, from the thread.
    """

    def __init__(self, predictor: Predictor, limits: Limits, observe_batch: Callable[[int], None]) -> None:
        self._predictor, self._limits, self._observe_batch = predictor, limits, observe_batch
        # Generated texts end at different times: until one can leave a running batch, each runs alone.
        self._batch_rows = 1 if "generation" in predictor.task.abilities else limits.batch_rows
        self._inbox: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._accepted = 0
        self._closing = False
        self._seconds_per_row = 0.0
        self._thread = threading.Thread(target=self._work, name="modelyard-model", daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    async def submit(self, rows: Sequence[Row], options: Mapping[str, Any], seconds: float) -> list[Prediction]:
        """Predictions in the order of the rows; cancelling the call withdraws what still waits.

        Args:
            options: for the task; equal ones may share a batch.
            seconds: the answer is no use after that.

        Raises:
            RefusalError: 503 when too much waits, 504 when the time is over.
            InputError: the task refused a row or an option.
        """
        self._admit(len(rows))
        loop = asyncio.get_running_loop()
        key = json.dumps(options, sort_keys=True)
        jobs = [RowJob(row, options, key, loop.create_future()) for row in rows]
        for job in jobs:
            job.answer.add_done_callback(self._leave)
            self._inbox.put(job)
        try:
            async with asyncio.timeout(seconds):
                return await asyncio.gather(*(job.answer for job in jobs))
        except TimeoutError:
            raise DeadlineError(seconds) from None
        finally:
            # One refused row ends the request; its other rows need no answer any more.
            for job in jobs:
                job.answer.cancel()

    async def stream(self, row: Row, options: Mapping[str, Any], seconds: float) -> AsyncGenerator[Piece, None]:
        """The answer to one row as it grows; closing the generator stops the work. Raises as ``submit`` does."""
        self._admit(1)
        deadline = time.monotonic() + seconds
        pieces: Bridge[Piece | Exception] = Bridge(self._limits.stream_pieces, self._limits.stall_seconds)
        self._inbox.put(StreamJob(row, options, pieces))
        finished = False
        try:
            while not finished:
                async with asyncio.timeout(deadline - time.monotonic()):
                    piece = await pieces.get()
                if isinstance(piece, Exception):
                    raise piece
                finished = piece.finish_reason is not None
                yield piece
        except TimeoutError:
            raise DeadlineError(seconds) from None
        finally:
            pieces.close()
            self._accepted -= 1

    async def close(self) -> None:
        """Answer what was accepted, then end the thread."""
        self._closing = True
        self._inbox.put(None)
        await asyncio.to_thread(self._thread.join)

    def _admit(self, rows: int) -> None:
        if self._closing or not self.alive:
            raise RefusalError(503, "the model is not running", code="unavailable", headers={"retry-after": "1"})
        if self._accepted + rows > self._limits.queue_rows:
            raise OverloadError(max(1, math.ceil(self._accepted * self._seconds_per_row)))
        self._accepted += rows

    def _leave(self, _: asyncio.Future[Prediction]) -> None:
        self._accepted -= 1

    def _work(self) -> None:
        waiting: list[Job] = []
        closing = False
        while waiting or not closing:
            arrived = [self._inbox.get()] if not waiting else []
            arrived += [self._inbox.get_nowait() for _ in range(self._inbox.qsize())]
            closing = closing or None in arrived
            waiting = [job for job in [*waiting, *arrived] if job is not None and not job.abandoned]
            if waiting:
                batch = choose_batch(waiting, self._batch_rows)
                chosen = set(batch)
                waiting = [job for job in waiting if job not in chosen]
                self._run(batch)

    def _run(self, batch: list[Job]) -> None:
        started = time.monotonic()
        self._observe_batch(len(batch))
        if isinstance(batch[0], StreamJob):
            self._stream(batch[0])
        else:
            self._predict([job for job in batch if isinstance(job, RowJob)])
        spent = (time.monotonic() - started) / len(batch)
        self._seconds_per_row += 0.1 * (spent - self._seconds_per_row)

    def _predict(self, batch: list[RowJob]) -> None:
        try:
            answers: Sequence[Prediction | Exception] = self._predictor.predict(
                [job.row for job in batch], **batch[0].options
            )
        except BaseException as error:
            if len(batch) > 1:
                # One bad row must not take its neighbours with it.
                for job in batch:
                    self._predict([job])
                return
            answers = [_as_exception(error)]
        batch[0].answer.get_loop().call_soon_threadsafe(_deliver, batch, answers)

    def _stream(self, job: StreamJob) -> None:
        try:
            for piece in self._predictor.stream(job.row, **job.options):
                if not job.pieces.put(piece):
                    return
        except BaseException as error:
            job.pieces.put(_as_exception(error))


def _as_exception(error: BaseException) -> Exception:
    """A panic in a native library is no Exception; the thread must outlive it, and the event loop must not see it."""
    return error if isinstance(error, Exception) else RuntimeError(f"{type(error).__name__} in the model")


def _deliver(batch: Sequence[RowJob], answers: Sequence[Prediction | Exception]) -> None:
    for job, answer in zip(batch, answers, strict=True):
        if job.answer.done():
            continue
        if isinstance(answer, Exception):
            job.answer.set_exception(answer)
        else:
            job.answer.set_result(answer)
