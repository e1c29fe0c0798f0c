"""Where workers come from: a process that opened the model and forks on demand.

Forked workers share every page that none of them writes to, the weights above all, and are there within
milliseconds. A runtime that keeps threads cannot be forked; there each worker is a process that opened the model
itself. Blocking calls; knows no event loop and no request.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

from modelyard.core import lookup
from modelyard.core.errors import InputError, ModelyardError
from modelyard.core.model import Model
from modelyard.serve import frames
from modelyard.serve.frames import Frame, Unpacker
from modelyard.serve.opening import OPENER, Timing

_MODULE = "modelyard.serve.worker_process"
_LIBRARY_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS")
_GRACE = 5.0
"""Seconds that a process has to end by itself."""


class ForkServer:
    """Opens the model in a process of its own at once.

    Args:
        model: what the workers answer with.
        device: ``cpu`` or what the runtime names.
        threads: cores that one call of a worker may use; None leaves it to the runtime.
        spread: cores for a batch that has the model to itself, where that is more.
        memory_limit: bytes that the model may take; None for the limit of the environment.
        opener: the function that opens the model, ``package.module:function``.
        measure: whether the opened model is timed before it takes work.
        slots: answers that a worker writes at once, where the model generates text.
        cache_tokens: tokens of prompts and answers that such a worker holds at once.

    Attributes:
        timings: what was measured.
        spreads: whether a worker may be asked to use more cores than its own.

    Raises:
        InputError: the model cannot be opened, as its runtime says.
        ModelyardError: the process ended meanwhile.
    """

    def __init__(
        self,
        model: Model,
        *,
        device: str = "cpu",
        threads: int | None = 1,
        spread: int = 1,
        memory_limit: int | None = None,
        opener: str = OPENER,
        measure: bool = True,
        slots: int = 16,
        cache_tokens: int = 1 << 15,
    ) -> None:
        self.model, self.slots, self.cache_tokens = model, slots, cache_tokens
        self.spreads = spread > 1
        self.timings: Sequence[Timing] = ()
        self._forks = device == "cpu" and threads == 1 and "forks" in lookup.runtime(model.runtime).abilities
        self._job = {
            "model": str(model.path),
            "device": device,
            "threads": threads,
            "spread": spread,
            "memory_limit": memory_limit,
            "opener": opener,
            "measure": measure,
            "forks": self._forks,
            "slots": slots,
            "cache_tokens": cache_tokens,
        }
        self._environment = _environment(threads)
        self._lock = threading.Lock()
        self._processes: list[subprocess.Popen[bytes]] = []
        self._control: socket.socket | None = None
        self._closed = False
        self._open()

    def fork(self) -> socket.socket:
        """The socket of a new worker; slow only where it has to open the model.

        Raises:
            ModelyardError: the process that should have become it is gone, or this was closed.
        """
        with self._lock:
            if self._closed:
                raise ModelyardError("the model was closed")
            if self._control is None:
                self._open()
            ours, theirs = socket.socketpair()
            try:
                self._hand(theirs)
            except OSError:
                ours.close()
                self._forget()
                raise ModelyardError("the process that holds the model ended") from None
            finally:
                theirs.close()
            if not self._forks:
                self._forget()
            return ours

    @property
    def process(self) -> int | None:
        """Number of the process that forks, None where there is none."""
        return self._processes[-1].pid if self._forks and self._control is not None else None

    def close(self) -> None:
        """End the process; workers end when their own sockets are closed."""
        with self._lock:
            self._closed = True
            self._forget()
            for process in self._processes:
                try:
                    process.wait(_GRACE)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _open(self) -> None:
        self._processes = [process for process in self._processes if process.poll() is None]
        ours, theirs = socket.socketpair()
        with theirs:
            # -P: the folder that the server was started in is no place to import from.
            command = [sys.executable, "-P", "-m", _MODULE, str(theirs.fileno())]
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()], env=self._environment
            )
        self._processes.append(process)
        self._control = ours
        try:
            ours.sendall(frames.pack(self._job))
            head = _read_one(ours).head
        except OSError:
            head = {}
        if "timings" in head:
            self.timings = [(count, length, seconds) for count, length, seconds in head["timings"]]
            return
        self._forget()
        code = process.wait()
        if "error" in head:
            parts: dict[str, Any] = dict(head["error"])
            raise InputError(parts.pop("error"), **parts)
        raise ModelyardError(
            f"the process that opens the model ended with code {code}",
            expected="memory for the model",
            fix="look at the lines above, and whether predict runs",
        )

    def _hand(self, connection: socket.socket) -> None:
        if self._control is None:
            raise OSError
        socket.send_fds(self._control, [b"f"], [connection.fileno()])
        # A process that has died takes what it is sent without a word, once.
        if self._forks and self._processes[-1].poll() is not None:
            raise OSError

    def _forget(self) -> None:
        if self._control is not None:
            self._control.close()
            self._control = None


def _environment(threads: int | None) -> dict[str, str]:
    """Pinned: what a library computes beside the model takes no more cores than the model does."""
    # Pools of threads are made by the number of cores unless they are told; waiting threads sleep.
    pinned = dict.fromkeys(_LIBRARY_THREADS, str(threads)) if threads else {}
    return {"OMP_WAIT_POLICY": "PASSIVE", **os.environ, **pinned, "TOKENIZERS_PARALLELISM": "false"}


def _read_one(connection: socket.socket) -> Frame:
    unpacker = Unpacker()
    while data := connection.recv(1 << 16):
        for frame in unpacker.feed(data):
            return frame
    return Frame({})
