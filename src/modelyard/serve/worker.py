"""One worker process, as the event loop sees it: batches in and answers out, one at a time and in order; or answers
that grow side by side, where the model generates text.

Knows frames and a process; what is put in a batch and what becomes of a lost one is the scheduler's to say.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from modelyard.core.task import Piece
from modelyard.core.transform import Row
from modelyard.serve import frames
from modelyard.serve.fork_server import ForkServer
from modelyard.serve.frames import Answer, Frame, Unpacker


class WorkerLostError(Exception):
    """The worker ended, or was ended because it did not answer.

    Attributes:
        begun: it may have been at what it was asked; otherwise that was still in line.
    """

    def __init__(self, what: str, *, begun: bool = True) -> None:
        super().__init__(what)
        self.begun = begun


@dataclass(frozen=True)
class Done:
    """What became of a batch.

    Attributes:
        answers: one a row.
        work: seconds of processor time.
        seconds: how long the worker was at it.
        began: nanoseconds since the epoch by the worker's clock, as ``ended``.
    """

    answers: list[Answer]
    work: float
    seconds: float
    began: int
    ended: int


class Worker:
    """Started again by whoever uses it, after it was lost.

    Args:
        source: where its process comes from.
        patience: seconds that a batch, or one piece of a growing answer, may take.
    """

    def __init__(self, source: ForkServer, patience: float) -> None:
        self._source, self._patience = source, patience
        self._link: _Link | None = None
        self._line = asyncio.Lock()
        self._keys = itertools.count()
        self.process: int | None = None

    @property
    def live(self) -> bool:
        return self._link is not None and not self._link.lost

    async def start(self, when_lost: Callable[[], None]) -> None:
        """A new process.

        Args:
            when_lost: called once it is gone.

        Raises:
            WorkerLostError: it ended before it was ready.
            ModelyardError: there is nothing to fork it from.
        """
        connection = await asyncio.to_thread(self._source.fork)
        self._line = asyncio.Lock()
        loop = asyncio.get_running_loop()
        _, self._link = await loop.create_unix_connection(lambda: _Link(when_lost), sock=connection)
        self.process = (await self._receive()).head["pid"]

    async def predict(self, rows: Sequence[Row], options: Mapping[str, Any]) -> Done:
        """Answers to rows; may be called again before they are there, so that the worker need not wait for its next.

        Raises:
            WorkerLostError: nothing was answered.
        """
        self._send(frames.pack_rows(rows, options, "predict"))
        # Taken in the order in which it was sent, as a lock is.
        async with self._line:
            if not self.live:
                raise WorkerLostError("it ended", begun=False)
            started = time.monotonic()
            head = (await self._receive()).head
        answers = [frames.from_json(item) for item in head["answers"]]
        return Done(answers, head["work"], time.monotonic() - started, head["began"], head["ended"])

    async def write(
        self,
        row: Row,
        options: Mapping[str, Any],
        owner: str,
        take: Callable[[Piece], None],
        when_begun: Callable[[Callable[[], None]], None],
    ) -> None:
        """Have the answer to one row written, beside others; returns when it has ended or was stopped.

        Args:
            owner: prompts of one owner may share work.
            take: called with each piece.
            when_begun: called with what stops it.

        Raises:
            WorkerLostError: no more will come.
            InputError: the task refused the row or an option.
            WorkerError: the model failed.
        """
        key, link = next(self._keys), self._link
        self._send(frames.pack_rows([row], options, "write", key=key, owner=owner))
        if link is None:
            raise WorkerLostError("it is not running")
        growing = link.growing[key] = _Growing(take, asyncio.get_running_loop().create_future())

        def stop() -> None:
            if not growing.done.done():
                growing.done.set_result(None)
                link.send(frames.pack({"drop": True, "key": key}))

        when_begun(stop)
        try:
            await self._until(growing.done, link)
        finally:
            del link.growing[key]

    async def _until(self, done: asyncio.Future[None], link: _Link) -> None:
        """Wait for the end of an answer as long as anything comes from the worker."""
        while not (await asyncio.wait([done], timeout=self._patience))[0]:
            if time.monotonic() - link.heard >= self._patience:
                self.kill()
                raise WorkerLostError(f"nothing came within {self._patience:g} s")
        done.result()

    def kill(self) -> None:
        """End the process now."""
        if self.live and self.process is not None:
            os.kill(self.process, signal.SIGKILL)
        self.close()

    def close(self) -> None:
        """Let the process end."""
        if self._link is not None:
            self._link.close()

    def _send(self, data: bytes) -> None:
        if self._link is None or self._link.lost:
            raise WorkerLostError("it is not running")
        self._link.send(data)

    async def _receive(self) -> Frame:
        if self._link is None:
            raise WorkerLostError("it is not running")
        try:
            async with asyncio.timeout(self._patience):
                return await self._link.receive()
        except TimeoutError:
            self.kill()
            raise WorkerLostError(f"no answer within {self._patience:g} s") from None


@dataclass(frozen=True)
class _Growing:
    """Who takes the pieces of an answer, and what is waited for."""

    take: Callable[[Piece], None]
    done: asyncio.Future[None]

    def add(self, item: Mapping[str, Any]) -> None:
        """The next piece, or why there is none."""
        if self.done.done():
            return
        if "piece" not in item:
            self.done.set_exception(cast(Exception, frames.from_json(item)))
            return
        piece = Piece(**item["piece"])
        self.take(piece)
        if piece.finish_reason is not None and not self.done.done():
            self.done.set_result(None)


class _Link(asyncio.Protocol):
    """Frames over a socket, with one reader; pieces of growing answers go to those who take them.

    Attributes:
        heard: monotonic time at which something came last.
    """

    def __init__(self, when_lost: Callable[[], None]) -> None:
        self.lost = False
        self.heard = time.monotonic()
        self.growing: dict[int, _Growing] = {}
        self._when_lost = when_lost
        self._unpacker = Unpacker()
        self._frames: deque[Frame] = deque()
        self._reader: asyncio.Future[None] | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self.heard = time.monotonic()
        for frame in self._unpacker.feed(data):
            if "pieces" not in frame.head:
                self._frames.append(frame)
                continue
            for key, item in frame.head["pieces"]:
                if key in self.growing:
                    self.growing[key].add(item)
        self._wake()

    def connection_lost(self, error: Exception | None) -> None:
        self.lost = True
        self._wake()
        for growing in self.growing.values():
            if not growing.done.done():
                growing.done.set_exception(WorkerLostError("it ended"))
        self._when_lost()

    def send(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    async def receive(self) -> Frame:
        while not self._frames:
            if self.lost:
                raise WorkerLostError("it ended")
            self._reader = asyncio.get_running_loop().create_future()
            await self._reader
        return self._frames.popleft()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)
