"""The process that ``benchmark`` measures in: a job as JSON on standard input, lines of JSON on standard output.

One model and one runtime a process, because thread pools of two distort each other. Knows no statistics; it hands
out the times of single runs.
"""

from __future__ import annotations

import json
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, TextIO, cast

from modelyard.core import memory
from modelyard.core.artifact import open_artifact
from modelyard.core.dataset import Dataset
from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.predictor import Predictor
from modelyard.core.task import Workload
from modelyard.core.transform import Row

STARTED = time.perf_counter()

WARM_UP_ROWS = 5
SHORTEST_LATENCY_SECONDS = 4.0
"""Rows are timed until all were or this time is over; never fewer than ``FEWEST_RUNS``."""
FEWEST_RUNS = 10
THROUGHPUT_RUNS = 6
RUN_SECONDS = 1.0
"""Rows of one call are so many that it takes about this long, or all."""
PROMPT_CHARACTERS = 128
ANSWER_TOKENS = 16
ANSWERS_TOGETHER = 8
"""What a model that generates is asked: the beginning of a row, for so many tokens, so many rows in one call."""
PATIENCE = 4
"""A cell that would take this many times its time for one run is left out."""

_PACKAGES = ("torch", "transformers", "onnxruntime", "tokenizers", "numpy")


def measure(job: Mapping[str, Any], advance: Callable[[], None]) -> dict[str, Any]:
    """Do the job that :mod:`modelyard.engines.measuring` gives.

    Raises:
        InputError: rows cannot be predicted.
    """
    os.environ[memory.ARENA] = job["arena"]
    model = cast(Model, open_artifact(Path(job["model"])))
    with Predictor(model, threads=job["threads"]) as predictor:
        load_seconds = time.perf_counter() - STARTED
        loaded = memory.process_memory()
        rows = _rows(job, generating="generation" in predictor.task.abilities)
        advance()
        found = _answers(predictor, rows, advance)
        answered = memory.process_memory()
        cells = list(_cells(predictor, job, advance))
    notes = [_machine(job["threads"]), f"Memory of a call: {job['arena']}.", *found.pop("notes")]
    held = {
        "memory_loaded_mb": loaded and loaded.resident,
        "memory_private_mb": answered and answered.private,
        "memory_shared_mb": answered and answered.shared,
        "memory_peak_mb": answered and answered.peak,
    }
    return {**found, "load_seconds": load_seconds, "memory": held, "cells": cells, "notes": notes}


def _rows(job: Mapping[str, Any], *, generating: bool) -> list[Row]:
    """Rows taken evenly from the split."""
    data = cast(Dataset, open_artifact(Path(job["data"])))
    rows = data.rows(job["split"])
    count = min(len(rows), job["rows"])
    chosen = [rows[number * len(rows) // count] for number in range(count)]
    return [{**row, "text": str(row["text"])[:PROMPT_CHARACTERS]} for row in chosen] if generating else chosen


def _answers(predictor: Predictor, rows: list[Row], advance: Callable[[], None]) -> dict[str, Any]:
    """Times of single rows and of many rows in one call."""
    if "generation" in predictor.task.abilities:
        return _generated(predictor, rows, advance)
    for row in rows[:WARM_UP_ROWS]:
        predictor.predict([row])
    latency_ms = [1e3 * seconds for seconds in _time_each(lambda row: predictor.predict([row]), rows)]
    advance()
    warm_up = _seconds(lambda: predictor.predict(rows))
    together = rows[: max(1, int(len(rows) * min(1.0, RUN_SECONDS / warm_up)))]
    answered = [_seconds(lambda: predictor.predict(together)) for _ in range(THROUGHPUT_RUNS)]
    advance()
    return {
        "latency_ms": latency_ms,
        "first_token_ms": [],
        "answered": len(together),
        "answered_unit": "row",
        "answered_seconds": answered,
        "notes": [f"Throughput is that of {len(together)} rows in one call."],
    }


def _generated(predictor: Predictor, rows: list[Row], advance: Callable[[], None]) -> dict[str, Any]:
    first_token_ms: list[float] = []

    def answer(row: Row) -> None:
        start = time.perf_counter()
        for number, _ in enumerate(predictor.stream(row, max_tokens=ANSWER_TOKENS)):
            if number == 0:
                first_token_ms.append(1e3 * (time.perf_counter() - start))

    answer(rows[0])
    first_token_ms.clear()
    latency_ms = [1e3 * seconds for seconds in _time_each(answer, rows)]
    advance()
    together = rows[:ANSWERS_TOGETHER]
    tokens = sum(one["completion_tokens"] for one in predictor.predict(together, max_tokens=ANSWER_TOKENS))
    answered = [_seconds(lambda: predictor.predict(together, max_tokens=ANSWER_TOKENS)) for _ in range(THROUGHPUT_RUNS)]
    advance()
    return {
        "latency_ms": latency_ms,
        "first_token_ms": first_token_ms,
        "answered": tokens,
        "answered_unit": "token",
        "answered_seconds": answered,
        "notes": [
            f"Latency is that of an answer of at most {ANSWER_TOKENS} tokens to the first {PROMPT_CHARACTERS} "
            f"characters of a row; throughput is that of {len(together)} such answers in one call."
        ],
    }


def _time_each(run: Callable[[Row], Any], rows: list[Row]) -> Iterator[float]:
    end = time.perf_counter() + SHORTEST_LATENCY_SECONDS
    for number in range(max(len(rows), FEWEST_RUNS)):
        if number >= FEWEST_RUNS and time.perf_counter() > end:
            return
        yield _seconds(partial(run, rows[number % len(rows)]))


def _cells(predictor: Predictor, job: Mapping[str, Any], advance: Callable[[], None]) -> Iterator[dict[str, Any]]:
    """Run times of each workload for each batch size and length; no times where it takes too long or is too long."""
    pace: dict[str, float] = {}
    # Rows that are not text have one size only.
    lengths = sorted(job["lengths"]) if "text" in predictor.task.abilities else [1]
    for batch in sorted(job["batch_sizes"]):
        for length in lengths:
            try:
                for work in predictor.task.workloads(predictor, batch, length):
                    # Rows of one batch are computed together: what the last cell took bounds what this one will.
                    expected = pace.get(work.name, 0.0) * work.units
                    times = _repeat(work, job["seconds"]) if expected <= PATIENCE * job["seconds"] else []
                    if times:
                        pace[work.name] = min(times) / work.units
                    yield {
                        "name": work.name,
                        "batch": batch,
                        "length": length,
                        "units": work.units,
                        "unit": work.unit,
                        "seconds": times,
                    }
            except InputError:
                # The model takes no rows of this length.
                continue
            finally:
                advance()


def _repeat(work: Workload, seconds: float) -> list[float]:
    """Times of runs after one that warms up: at least one, and as many as fit into the time."""
    times: list[float] = []
    end = time.perf_counter() + seconds
    work.run()
    while not times or time.perf_counter() < end:
        times.append(_seconds(work.run))
    return times


def _seconds(run: Callable[[], Any]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def _machine(threads: int | None) -> str:
    from importlib.metadata import version

    versions = ", ".join(f"{name} {version(name)}" for name in _PACKAGES if name in sys.modules)
    return f"Measured on {_processor()}, {threads or os.cpu_count()} threads, with {versions}."


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def main() -> None:
    # Libraries print: nothing but our lines may come out of the pipe.
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as pipe:
        os.dup2(2, 1)
        try:
            _say(pipe, {"result": measure(json.load(sys.stdin), lambda: _say(pipe, {"done": True}))})
        except InputError as error:
            _say(pipe, {"error": error.to_json()})


def _say(pipe: TextIO, message: Mapping[str, Any]) -> None:
    pipe.write(json.dumps(message) + "\n")
    pipe.flush()


if __name__ == "__main__":
    main()
