"""A server under steady traffic and promotions for half an hour: whether it grows, leaks file handles or fails anybody.

python -m benchmarks.soak [--minutes 30] [--warm-up 0.2] [--swap-seconds 20] [--callers 4]

A server of its own process follows the yard; releases are the linear models of :mod:`benchmarks.hot_swap`, each with
scores of its own, promoted in turn, every fifth a damaged one that must never answer. Memory is the proportional set
size (PSS) of the server with all its processes, read while no promotion is under way, as is the number of open files.
Growth is the median of the last fifth of the readings over that of the first fifth after the warm-up. Ends with 1 where
a request failed or was mixed up, memory grew by more than 5 %, or files did not stay flat.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import IO, Any, cast

from benchmarks.hot_swap import NAME, Seen, call, damage, publish, run
from modelyard.core.dataset import Dataset
from modelyard.core.predictor import Predictor
from modelyard.sources import fetch
from modelyard.yard.yard import Yard

MOST_GROWTH = 0.05
MOST_FILES = 3
"""Handles more in the end than in the beginning: a connection or a transaction that is just under way."""
EVERY = 2.0
UNFIT_EVERY = 5
VERSIONS = 6


def family(process: int) -> list[int]:
    """A process and all that came of it."""
    children = [
        int(word)
        for task in Path(f"/proc/{process}/task").iterdir()
        for word in (task / "children").read_text().split()
    ]
    return [process, *(number for child in children for number in family(child))]


def read(process: int) -> tuple[float, int]:
    """Megabytes that the processes take, shared pages by their share, and files that they hold open."""
    kilobytes, files = 0, 0
    for number in family(process):
        rollup = Path(f"/proc/{number}/smaps_rollup").read_text()
        kilobytes += next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
        files += len(os.listdir(f"/proc/{number}/fd"))
    return kilobytes / 1000, files


async def watch(process: int, seen: Seen, readings: list[tuple[float, float, int]], end: float) -> None:
    while time.monotonic() < end:
        await asyncio.sleep(EVERY)
        if not seen.under_way:
            try:
                readings.append((time.monotonic(), *await asyncio.to_thread(read, process)))
            except (OSError, StopIteration):
                # A worker ended while it was read.
                continue


async def swap(yard: Yard, good: list[str], bad: str, seen: Seen, seconds: float, end: float) -> int:
    done = 0
    while time.monotonic() + seconds < end:
        await asyncio.sleep(seconds)
        done += 1
        before = sum(event.action == "swap" for event in yard.history(NAME))
        seen.under_way = True
        reference = bad if done % UNFIT_EVERY == 0 else good[done % len(good)]
        await asyncio.to_thread(yard.promote, reference, force=True)
        while sum(event.action == "swap" for event in await asyncio.to_thread(yard.history, NAME)) == before:
            await asyncio.sleep(0.05)
        await asyncio.sleep(1)
        seen.under_way = False
    return done


async def soak(
    port: int, process: int, yard: Yard, good: list[str], bad: str, row: Any, expected: Any, given: Any
) -> tuple[Seen, list[tuple[float, float, int]], int]:
    import json

    inputs = [{"name": name, "datatype": "FP64", "shape": [1], "data": [value]} for name, value in row.items()]
    body, seen, readings = json.dumps({"inputs": inputs}).encode(), Seen(), list[tuple[float, float, int]]()
    end = time.monotonic() + 60 * given.minutes
    stop = asyncio.create_task(_stop(seen, end))
    callers = [call(port, body, expected, seen, sys.maxsize) for _ in range(given.callers)]
    work = [asyncio.create_task(caller) for caller in callers]
    watching = asyncio.create_task(watch(process, seen, readings, end))
    swaps = await swap(yard, good, bad, seen, given.swap_seconds, end)
    await asyncio.gather(stop, watching)
    problems = [task.exception() for task in work if task.done()]
    for task in work:
        task.cancel()
    await asyncio.gather(*work, return_exceptions=True)
    seen.failed += [repr(problem) for problem in problems if problem]
    return seen, readings, swaps


async def _stop(seen: Seen, end: float) -> None:
    """Wait for the end; times of single requests are of no use here and would only fill this process."""
    while time.monotonic() < end:
        await asyncio.sleep(1)
        del seen.calm[:-1000], seen.swapping[:-1000]


def tell(seen: Seen, readings: list[tuple[float, float, int]], swaps: int, served: int, given: Any) -> int:
    begin = readings[0][0] + 60 * given.warm_up * given.minutes
    kept = [item for item in readings if item[0] >= begin]
    fifth = max(1, len(kept) // 5)
    first, last = kept[:fifth], kept[-fifth:]
    memory = [statistics.median(item[1] for item in part) for part in (first, last)]
    files = [statistics.median(item[2] for item in part) for part in (first, last)]
    growth = memory[1] / memory[0] - 1
    print(f"{given.minutes:g} minutes, {served} requests, {swaps} promotions, versions {sorted(seen.versions)}")
    print(f"failed {len(seen.failed)}, mixed up {len(seen.mixed)}")
    print(f"memory {memory[0]:.1f} -> {memory[1]:.1f} MB, growth {100 * growth:+.2f} % (at most {100 * MOST_GROWTH:g})")
    print(f"open files {files[0]:g} -> {files[1]:g}, {len(kept)} readings after the warm-up")
    for problem in seen.failed[:5]:
        print("failed:", problem)
    return int(bool(seen.failed or seen.mixed) or growth > MOST_GROWTH or files[1] > files[0] + MOST_FILES)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--warm-up", type=float, default=0.2, help="share of the time that is not judged")
    parser.add_argument("--swap-seconds", type=float, default=20.0)
    parser.add_argument("--callers", type=int, default=4)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder, yard = Path(name), Yard(Path(name) / "yard")
        columns = {"label": "target", "features": "*"}
        data = cast(Dataset, run("load data", [fetch("sklearn:breast_cancer")], folder / "data", columns=columns))
        row, expected, good = data.rows("test")[0]["features"], dict[str, float](), list[str]()
        for number in range(VERSIONS):
            reference, model = publish(yard, data, folder, 0.01 * 10**number)
            good.append(reference)
            with Predictor(model, threads=1) as predictor:
                expected[reference.split(":")[1]] = predictor.predict([{"features": row}])[0]["score"]
        bad, model = publish(yard, data, folder, 0.5)
        damage(yard, model)
        yard.promote(good[0], force=True)
        command = [sys.executable, "-m", "modelyard.cli.main", "serve", NAME, "--port", "0", "--workers", "1"]
        environment = {**os.environ, "MODELYARD_HOME": str(yard.home)}
        with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as server:
            log = cast(IO[str], server.stderr)
            port = next(int(line.rsplit(":", 1)[1]) for line in log if "serving" in line)
            # What it logs is counted and thrown away: a full pipe would stop it.
            counting = ["grep", "-c", "infer 200"]
            with subprocess.Popen(counting, stdin=log, stdout=subprocess.PIPE, text=True) as lines:
                found = asyncio.run(soak(port, server.pid, yard, good, bad, row, expected, given))
                server.terminate()
                server.wait()
                served = int((lines.communicate()[0] or "0").strip())
        return tell(*found, served, given)


if __name__ == "__main__":
    sys.exit(main())
