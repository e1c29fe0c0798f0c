"""Runs a module of measurements in a process of its own, and hands over what it says.

The process gets a job as JSON on standard input and answers with lines of JSON: progress, then a result or an error.
Knows no measurement.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from modelyard.core.errors import InputError, ModelyardError
from modelyard.core.progress import progress


@contextmanager
def started(module: str) -> Iterator[subprocess.Popen[str]]:
    """The process of a module; it ends with the block, also when that is interrupted."""
    pipe = subprocess.PIPE
    # Waiting threads sleep: spinning ones would measure whatever else the machine does.
    environment = {"OMP_WAIT_POLICY": "PASSIVE"} | os.environ
    process = subprocess.Popen(
        [sys.executable, "-m", module],
        stdin=pipe,
        stdout=pipe,
        stderr=subprocess.DEVNULL,
        encoding="utf-8",
        env=environment,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def exchange(process: subprocess.Popen[str], line: str) -> dict[str, Any]:
    """Say one line and read the answer.

    Raises:
        InputError: the process refused it, with the four parts of its error.
        ModelyardError: the process ended.
    """
    stdin, stdout = _pipes(process)
    stdin.write(line + "\n")
    stdin.flush()
    answer = stdout.readline()
    if not answer:
        raise _ended(process)
    return _checked(json.loads(answer))


def result(module: str, job: Mapping[str, Any], title: str) -> dict[str, Any]:
    """Do one job in a process of its own, with a bar of that title.

    Raises:
        InputError: the process refused it, with the four parts of its error.
        ModelyardError: the process ended without a result.
    """
    with started(module) as process:
        stdin, stdout = _pipes(process)
        with stdin as file:
            json.dump(job, file)
        with stdout as lines, progress(title) as bar:
            for line in lines:
                message = _checked(json.loads(line))
                if "result" in message:
                    found: dict[str, Any] = message["result"]
                    return found
                bar.advance()
        raise _ended(process)


def _pipes(process: subprocess.Popen[str]) -> tuple[Any, Any]:
    if process.stdin is None or process.stdout is None:
        raise RuntimeError("the process was started without pipes")
    return process.stdin, process.stdout


def _checked(message: dict[str, Any]) -> dict[str, Any]:
    if "error" in message:
        raise InputError(message["error"].pop("error"), **message["error"])
    return message


def _ended(process: subprocess.Popen[str]) -> ModelyardError:
    return ModelyardError(
        f"the process that measures ended with code {process.wait()}",
        expected="memory for the model and its largest batch",
        fix="give smaller batches and lengths, and look whether evaluate runs",
    )
