"""A server in a process of its own, for the benchmarks that compare servers. Knows no protocol."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

STARTING, ENDING = 120.0, 10.0
"""Seconds that a server may take to answer, and to end when asked to."""


@contextmanager
def running(
    command: Callable[[int], list[str]], answers: Callable[[int], bool], environment: Mapping[str, str] | None = None
) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """Its port and its process, once it answers; it ends with the block.

    Args:
        command: that starts it on a port.
        answers: whether what listens on a port is ready.
        environment: variables beside those of this process.

    Raises:
        SystemExit: it ended, or does not answer.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    process = subprocess.Popen(
        command(port),
        env={**os.environ, **(environment or {})},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        deadline = time.monotonic() + STARTING
        while not answers(port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"no answer from {' '.join(command(port))}")
            time.sleep(0.1)
        yield port, process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(ENDING)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
