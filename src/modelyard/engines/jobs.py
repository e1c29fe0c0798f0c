"""Does many jobs with one function, in this process or in several; on Ray see ``engines.ray``.

A function is named (``package.module:function``), takes a job and gives a result, both JSON objects: whatever a worker
is sent is data, never code. Knows no recipe and no yard.
"""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from queue import SimpleQueue
from typing import Any, Protocol, cast

from modelyard.core.errors import ModelyardError

Job = Mapping[str, Any]
WORKER = "modelyard.engines._job_worker"


class Engine(Protocol):
    """Where jobs are done."""

    width: int
    """How many jobs are done at once."""

    def run(self, function: str, jobs: Iterable[Job]) -> Iterator[tuple[int, dict[str, Any]]]:
        """Number and result of each job, as they come.

        Args:
            jobs: taken one by one, each when there is room for it; who hands them out may stop early.

        Raises:
            ModelyardError: a worker died, or the function failed.
        """
        ...

    def close(self) -> None:
        """End the workers, those that are at work too."""
        ...


def find_function(name: str) -> Any:
    """The function behind ``package.module:function``."""
    module, _, function = name.partition(":")
    return getattr(importlib.import_module(module), function)


class InProcess:
    """One job after the other, here."""

    width = 1

    def run(self, function: str, jobs: Iterable[Job]) -> Iterator[tuple[int, dict[str, Any]]]:
        call = find_function(function)
        for number, job in enumerate(jobs):
            yield number, call(job)

    def close(self) -> None:
        return None


class Processes:
    """Workers on this machine that speak JSON lines over their pipes; each does one job at a time."""

    def __init__(self, width: int) -> None:
        self.width = width
        self._workers = [_start() for _ in range(width)]
        self._idle: SimpleQueue[subprocess.Popen[str]] = SimpleQueue()
        for worker in self._workers:
            self._idle.put(worker)
        self._threads = ThreadPoolExecutor(width)

    def run(self, function: str, jobs: Iterable[Job]) -> Iterator[tuple[int, dict[str, Any]]]:
        running: dict[Future[dict[str, Any]], int] = {}
        waiting = enumerate(jobs)
        while True:
            while len(running) < self.width and (item := next(waiting, None)) is not None:
                running[self._threads.submit(self._do, function, item[1])] = item[0]
            if not running:
                return
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                yield running.pop(future), future.result()

    def _do(self, function: str, job: Job) -> dict[str, Any]:
        worker = self._idle.get()
        try:
            return _ask(worker, {"function": function, "job": job})
        finally:
            self._idle.put(worker)

    def close(self) -> None:
        for worker in self._workers:
            worker.kill()
            worker.wait()
        self._threads.shutdown()
        for worker in self._workers:
            for pipe in (worker.stdin, worker.stdout):
                if pipe is not None:
                    pipe.close()


def _start() -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", WORKER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
    )


def _ask(worker: subprocess.Popen[str], question: Mapping[str, Any]) -> dict[str, Any]:
    if worker.stdin is None or worker.stdout is None:
        raise RuntimeError("the worker was started without pipes")
    try:
        worker.stdin.write(json.dumps(question) + "\n")
        worker.stdin.flush()
        line = worker.stdout.readline()
    except (BrokenPipeError, ValueError):
        line = ""
    if not line:
        raise ModelyardError(
            "a worker process ended", expected="memory for as many jobs at once", fix="give fewer --jobs"
        )
    answer = json.loads(line)
    if "error" in answer:
        raise ModelyardError(f"a worker failed: {answer['error']}")
    return cast(dict[str, Any], answer["result"])
