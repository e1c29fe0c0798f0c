"""A server under steady traffic and promotions for half an hour: whether it grows, leaks file handles or fails anybody.

python -m benchmarks.soak [--minutes 30] [--warm-up 0.2] [--swap-seconds 20] [--callers 4]

A server of its own process follows the yard; releases are the linear models of :mod:`benchmarks.hot_swap`, each with
scores of its own, promoted in turn, every fifth a damaged one that must never answer. Memory is that of the server
with all its processes, shared pages by their share, without pages of files, which count for less while other programs
of the machine use the same libraries. It is read while no promotion is under way, as is the number of open files.
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
import time
from pathlib import Path
from typing import Any

from benchmarks.hot_swap import Seen, Served, call, served

MOST_GROWTH = 0.05
MOST_FILES = 3
"""Handles more in the end than in the beginning: a connection or a transaction that is just under way."""
EVERY = 2.0


def family(process: int) -> list[int]:
    """A process and all that came of it."""
    children = [
        int(word)
        for task in Path(f"/proc/{process}/task").iterdir()
        for word in (task / "children").read_text().split()
    ]
    return [process, *(number for child in children for number in family(child))]


def read(process: int) -> tuple[float, int]:
    """Megabytes that the processes take for themselves, shared pages by their share, and files that they hold open."""
    kilobytes, files = 0, 0
    for number in family(process):
        rollup = Path(f"/proc/{number}/smaps_rollup").read_text()
        kilobytes += next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss_Anon:"))
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


async def swap(site: Served, seen: Seen, seconds: float, end: float) -> int:
    done = 0
    while time.monotonic() + seconds < end:
        await asyncio.sleep(seconds)
        done += 1
        seen.under_way = True
        await site.promote(done)
        await asyncio.sleep(1)
        seen.under_way = False
    return done


async def soak(site: Served, given: Any) -> tuple[Seen, list[tuple[float, float, int]], int]:
    seen, readings = Seen(), list[tuple[float, float, int]]()
    end = time.monotonic() + 60 * given.minutes
    stop = asyncio.create_task(_stop(seen, end))
    callers = [call(site, seen, sys.maxsize) for _ in range(given.callers)]
    work = [asyncio.create_task(caller) for caller in callers]
    watching = asyncio.create_task(watch(site.server.pid, seen, readings, end))
    swaps = await swap(site, seen, given.swap_seconds, end)
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


def tell(seen: Seen, readings: list[tuple[float, float, int]], swaps: int, answered: int, given: Any) -> int:
    begin = readings[0][0] + 60 * given.warm_up * given.minutes
    kept = [item for item in readings if item[0] >= begin]
    fifth = max(1, len(kept) // 5)
    first, last = kept[:fifth], kept[-fifth:]
    memory = [statistics.median(item[1] for item in part) for part in (first, last)]
    files = [statistics.median(item[2] for item in part) for part in (first, last)]
    growth = memory[1] / memory[0] - 1
    print(f"{given.minutes:g} minutes, {answered} requests, {swaps} promotions, versions {sorted(seen.versions)}")
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
    # What it logs is counted and thrown away.
    counting = ["grep", "-c", "infer 200"]
    with served() as site, subprocess.Popen(counting, stdin=site.log, stdout=subprocess.PIPE, text=True) as lines:
        found = asyncio.run(soak(site, given))
        site.server.terminate()
        site.server.wait()
        answered = int((lines.communicate()[0] or "0").strip())
    return tell(*found, answered, given)


if __name__ == "__main__":
    sys.exit(main())
