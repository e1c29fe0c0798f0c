"""How many times as fast a model is as another, the two taking turns. Knows no measure of quality."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated, Any

from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.options import Between
from modelyard.core.progress import progress
from modelyard.core.report import Figure, Findings, Measure, Report, Series, Table
from modelyard.core.step import step
from modelyard.engines import worker
from modelyard.methods import latency

WORKER = "modelyard.steps._turns_worker"


@step(measures=("speedup", "speedup:*"), timed=True)
def speedup(
    model: Model,
    base: Model,
    *,
    out: Path,
    batch_sizes: list[Annotated[int, Between(1, 4096)]] = [1, 16],  # noqa: B006
    length: Annotated[int, Between(1)] = 32,
    threads: Annotated[int, Between(1, 1024)] | None = None,
    rounds: Annotated[int, Between(3, 1000)] = 9,
    seconds: Annotated[float, Between(0.01, 60)] = 0.3,
    confidence: Annotated[float, Between(0.5, 0.999)] = 0.95,
) -> Report:
    """Measure how many times as fast a model is as the one before its conversion.

    The two run in turn, a short while each, in a process of its own each, so that a machine whose speed drifts slows
    both alike; each round gives one ratio. A measure ``speedup:16`` is the median ratio for a batch of 16, with
    its interval from order statistics; ``speedup`` is the least of them. What is timed is one call of the network on
    random rows of one length, without tokenizing.

    Args:
        model: the model to time.
        base: the model that counts as one; in a recipe the one before the first conversion.
        batch_sizes: rows of one call; one measure for each.
        length: of a row, in the task's own unit, such as tokens.
        threads: cores that one call may use; none leaves it to the runtimes.
        rounds: how often the two take turns.
        seconds: time of one turn.
        confidence: of the intervals.
    """
    if not batch_sizes:
        raise InputError("batch_sizes is empty", expected="at least one batch size")
    job = {"batch_sizes": batch_sizes, "length": length, "threads": threads, "seconds": seconds}
    times: dict[int, list[tuple[float, float]]] = {batch: [] for batch in batch_sizes}
    with ExitStack() as stack, progress("taking turns", rounds) as bar:
        ours, theirs = (stack.enter_context(_opened({**job, "model": str(item.path)})) for item in (model, base))
        for number in range(rounds):
            for batch in batch_sizes:
                # Who goes first alternates: the first may find the machine at another speed.
                first, second = (ours, theirs) if number % 2 else (theirs, ours)
                one, other = _ask(first, batch), _ask(second, batch)
                times[batch].append((one, other) if number % 2 else (other, one))
            bar.advance()
    return Report.write(out, _findings(times, length, confidence), parents=[model, base])


@contextmanager
def _opened(job: dict[str, Any]) -> Iterator[subprocess.Popen[str]]:
    """A process that has opened the model of the job."""
    with worker.started(WORKER) as process:
        worker.exchange(process, json.dumps(job))
        yield process


def _ask(process: subprocess.Popen[str], batch: int) -> float:
    return float(worker.exchange(process, str(batch))["seconds"])


def _findings(times: dict[int, list[tuple[float, float]]], length: int, confidence: float) -> Findings:
    ratios = {batch: [theirs / ours for ours, theirs in pairs] for batch, pairs in times.items()}
    measures = {
        f"speedup:{batch}": latency.percentile(values, 0.5, unit="times", confidence=confidence)
        for batch, values in ratios.items()
    }
    rows = [
        [f"{batch} × {length}", *(_median_ms(column) for column in zip(*pairs, strict=True)), measure.value]
        for (batch, pairs), measure in zip(times.items(), measures.values(), strict=True)
    ]
    names = [str(batch) for batch in times]
    bars = Series(
        "times as fast",
        names,
        [measure.value for measure in measures.values()],
        [measure.low or 0.0 for measure in measures.values()],
        [measure.high or 0.0 for measure in measures.values()],
    )
    return Findings(
        {**measures, "speedup": _least(list(measures.values()))},
        [Table("Time of one call, in turn", ["batch × length", "median ms", "base ms", "times as fast"], rows)],
        [Figure("Times as fast as the base", "bar", "batch", "times", [bars])],
    )


def _median_ms(seconds: Sequence[float]) -> float | None:
    median = latency.percentile(seconds, 0.5, unit="s", confidence=0.95).value
    return None if median is None else 1e3 * median


def _least(measures: Sequence[Measure]) -> Measure:
    return min(measures, key=lambda measure: measure.value or 0.0)
