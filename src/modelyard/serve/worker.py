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
from functools import partial
from typing import Any, cast

from modelyard.core.task import Piece
from modelyard.core.transform import Row
from modelyard.serve import frames
from modelyard.serve.fork_server import ForkServer
from modelyard.serve.frames import Answer, Unpacker


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
        spread: more cores than the worker's own were at it.
    """

    answers: list[Answer]
    work: float
    seconds: float
    began: int
    ended: int
    spread: bool


class Worker:
    """Started again by whoever uses it, after it was lost.

    Args:
        source: where its process comes from.
        patience: seconds that a batch, or one piece of a growing answer, may take.
    """

    def __init__(self, source: ForkServer, patience: float) -> None:
        self._source, self._patience = source, patience
        self._link: _Link | None = None
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
        self.process = None
        loop = asyncio.get_running_loop()
        make_link = partial(_Link, when_lost, self.kill, self._patience)
        _, self._link = await loop.create_unix_connection(make_link, sock=connection)
        self.process = (await self._link.greeting)[0]["pid"]

    async def predict(self, rows: Sequence[Row], options: Mapping[str, Any], *, spread: bool = False) -> Done:
        """Answers to rows; may be called again before they are there, so that the worker need not wait for its next.

        Args:
            spread: use more cores than the worker's own, if the model is open for them by now.

        Raises:
            WorkerLostError: nothing was answered.
        """
        link = self._open_link()
        link.send(frames.pack_rows(rows, options, "predict", spread=spread))
        head, seconds = await link.expect()
        answers = [frames.from_json(item) for item in head["answers"]]
        return Done(answers, head["work"], seconds, head["began"], head["ended"], head["spread"])

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
        key, link = next(self._keys), self._open_link()
        link.send(frames.pack_rows([row], options, "write", key=key, owner=owner))
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

    def _open_link(self) -> _Link:
        if self._link is None or self._link.lost:
            raise WorkerLostError("it is not running")
        return self._link


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


_Heard = tuple[Mapping[str, Any], float]
"""What a worker says, and the seconds that it was at it."""


class _Link(asyncio.Protocol):
    """Frames over a socket: answers in the order in which they are expected, and pieces of growing answers to those who
    take them.

    Args:
        when_lost: called once the other end is gone.
        kill: ends a worker that does not answer.
        patience: seconds that it may be at one answer.

    Attributes:
        heard: monotonic time at which something came last.
        greeting: what it says first.
    """

    def __init__(self, when_lost: Callable[[], None], kill: Callable[[], None], patience: float) -> None:
        self.lost = False
        self.heard = time.monotonic()
        self.growing: dict[int, _Growing] = {}
        self._when_lost, self._kill, self._patience = when_lost, kill, patience
        self._unpacker = Unpacker()
        self._expected: deque[asyncio.Future[_Heard]] = deque()
        self._begun = self.heard
        self._watch: asyncio.TimerHandle | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        # Before anything is read: a worker says at once who it is.
        self.greeting = self.expect()

    def data_received(self, data: bytes) -> None:
        self.heard = time.monotonic()
        for frame in self._unpacker.feed(data):
            if "pieces" not in frame.head:
                self._answer(frame.head)
                continue
            for key, item in frame.head["pieces"]:
                if key in self.growing:
                    self.growing[key].add(item)

    def connection_lost(self, error: Exception | None) -> None:
        self.lost = True
        if self._watch is not None:
            self._watch.cancel()
        for number, future in enumerate(self._expected):
            if not future.done():
                future.set_exception(WorkerLostError("it ended", begun=number == 0))
        for growing in self.growing.values():
            if not growing.done.done():
                growing.done.set_exception(WorkerLostError("it ended"))
        self._when_lost()

    def send(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    def expect(self) -> asyncio.Future[_Heard]:
        """The next answer that nobody expects yet, and the seconds that the worker was at it."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[_Heard] = loop.create_future()
        if self.lost:
            future.set_exception(WorkerLostError("it ended", begun=False))
            return future
        if not self._expected:
            self._begun = time.monotonic()
        self._expected.append(future)
        if self._watch is None:
            self._watch = loop.call_later(self._patience, self._check)
        return future

    def _answer(self, head: Mapping[str, Any]) -> None:
        future, seconds = self._expected.popleft(), self.heard - self._begun
        # What comes next has been waiting for this one.
        self._begun = self.heard
        if not future.done():
            future.set_result((head, seconds))

    def _check(self) -> None:
        """One timer for all answers: it looks how long the first one is overdue, if there is one."""
        self._watch = None
        left = self._begun + self._patience - time.monotonic()
        if self._expected and left <= 0:
            self._kill()
        elif self._expected:
            self._watch = asyncio.get_running_loop().call_later(left, self._check)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()
