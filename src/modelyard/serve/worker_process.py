"""A process that holds a model: opened once, then forked into workers, each of which answers on a socket of its own.

Pages that no worker writes to, the weights above all, exist once. It ends when the server's end of its socket is
closed, however the server died. Knows no HTTP and no scheduling.
"""

from __future__ import annotations

import gc
import os
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from modelyard.core.errors import ModelyardError
from modelyard.core.predictor import Predictor
from modelyard.core.task import Writer
from modelyard.core.transform import Row
from modelyard.engines.jobs import find_function
from modelyard.serve import frames, heap
from modelyard.serve.frames import Answer, Frame, Unpacker
from modelyard.serve.log import write_log
from modelyard.serve.opening import measure
from modelyard.serve.writing_process import open_writer, write_answers

_CHUNK = 1 << 18
_NICER = 10
"""Steps by which a worker lets the server go first."""
_UNUSED = 512
"""Batches on one core after which the model is not kept open for more."""


def main() -> None:
    """The server's end of the socket is given by its number; the first frame is the job."""
    # Who started this process decides about its end: a signal to the whole group must not cut a batch off.
    for stop in (signal.SIGINT, signal.SIGTERM):
        signal.signal(stop, signal.SIG_IGN)
    # Whatever a library prints belongs to the log.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    control = socket.socket(fileno=int(sys.argv[1]))
    job = next(_receive(control)).head
    try:
        predictor = find_function(job["opener"])(job)
        timings = measure(predictor) if job["measure"] else []
        # Where no other process comes out of this one, it is told here what the answers lack.
        writer = None if job["forks"] else _writer(predictor, job)
    except ModelyardError as error:
        control.sendall(frames.pack({"error": error.to_json()}))
        return
    control.sendall(frames.pack({"timings": timings}))
    _hand_out(control, predictor, job, writer)


def _hand_out(control: socket.socket, predictor: Predictor, job: Mapping[str, Any], writer: Writer | None) -> None:
    """A worker for each socket that comes; where the runtime cannot be forked, this process is the only one."""
    forks = job["forks"]
    # What was made so far is in use for good; looking at it again would copy its pages.
    gc.freeze()
    if forks:
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        data, descriptors, _, _ = socket.recv_fds(control, 1, 1)
        if not data:
            return
        if forks and os.fork():
            os.close(descriptors[0])
            continue
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        control.close()
        # Who turns requests away at once must not wait for those who compute.
        os.nice(_NICER)
        connection = socket.socket(fileno=descriptors[0])
        _serve(connection, predictor, writer or _writer(predictor, job), _Spread(job))
        # Threads of the process that this one was forked from do not exist here: nothing waits for them.
        os._exit(0)


def _writer(predictor: Predictor, job: Mapping[str, Any]) -> Writer | None:
    """What writes, where the model generates text; laying it out for a cache may take seconds."""
    if "generation" not in predictor.task.abilities:
        return None
    return open_writer(predictor, slots=job["slots"], tokens=job["cache_tokens"])


class _Spread:
    """The same model over more cores, opened when it is asked for, and closed when it has not been for long: until it
    is open, and where it cannot be, there is none.

    Beside the one of a single core and not in its place: a worker must not take other workers' cores, and what shares
    memory with them has no threads.
    """

    def __init__(self, job: Mapping[str, Any]) -> None:
        self._job = {**job, "threads": job["spread"]}
        self._begun, self._unused = False, 0
        self._predictor: Predictor | None = None

    def take(self, *, wanted: bool) -> Predictor | None:
        """It, if it is wanted for this batch, and there; nobody waits for it."""
        self._unused = 0 if wanted else self._unused + 1
        if wanted and not self._begun:
            self._begun = True
            threading.Thread(target=self._open, daemon=True).start()
        if self._predictor is not None and self._unused >= _UNUSED:
            self._predictor.close()
            self._predictor, self._begun = None, False
            heap.give_back()
        return self._predictor if wanted else None

    def _open(self) -> None:
        try:
            self._predictor = find_function(self._job["opener"])(self._job)
        except ModelyardError as error:
            told = {"error.message": str(error).splitlines()[0], "process.pid": os.getpid()}
            write_log("spread", told, level="warn", message="one core answers: the model was not opened for more")


def _serve(connection: socket.socket, predictor: Predictor, writer: Writer | None, spread: _Spread) -> None:
    threading.Thread(target=_end_with, args=(connection,), daemon=True).start()
    try:
        connection.sendall(frames.pack({"pid": os.getpid()}))
        if writer is not None:
            write_answers(connection, predictor, writer)
        else:
            _predict(connection, predictor, spread)
    except OSError:
        # The server is gone, and with it whoever wanted the answer.
        return


def _predict(connection: socket.socket, predictor: Predictor, spread: _Spread) -> None:
    worked = time.process_time()
    for frame in _receive(connection):
        began = time.time_ns()
        wide = spread.take(wanted=frame.head["spread"])
        found = answer(wide or predictor, frames.unpack_rows(frame, "predict"), frame.head["options"])
        answers = [frames.to_json(item) for item in found]
        # All that a batch takes counts, its messages too: those of the answers with the next batch.
        before, worked = worked, time.process_time()
        times = {"work": worked - before, "began": began, "ended": time.time_ns(), "spread": wide is not None}
        connection.sendall(frames.pack({"answers": answers, **times}))


def _end_with(connection: socket.socket) -> None:
    """End this process when the other end of the socket is closed, whatever it is at."""
    closed = select.poll()
    closed.register(connection, select.POLLHUP)
    closed.poll()
    os._exit(0)


def answer(predictor: Predictor, rows: Sequence[Row], options: Mapping[str, Any]) -> list[Answer]:
    """One answer a row: rows that cannot be answered together are tried alone, so that a bad one fails alone."""
    try:
        return list(predictor.predict(rows, **options))
    except BaseException as error:
        if len(rows) == 1:
            return [error if isinstance(error, Exception) else frames.as_failure(error)]
    return [found for row in rows for found in answer(predictor, [row], options)]


def _receive(connection: socket.socket) -> Iterator[Frame]:
    """The frames that come, until the other end is closed."""
    unpacker = Unpacker()
    while data := connection.recv(_CHUNK):
        yield from unpacker.feed(data)


if __name__ == "__main__":
    main()
