"""100,000 requests over 50 promotions, some of them of versions that are unfit: how many failed or were mixed up.

python benchmarks/hot_swap.py [--requests 100000] [--swaps 50] [--callers 16]

A server of its own process follows the yard; releases are linear models over scikit-learn's breast cancer table, each
with other scores, so that an answer shows which version gave it. Every fifth promotion is of a version whose file was
damaged after it was published. Prints requests a second, failures, answers that are not those of the version that
they name, and times of requests while a swap was under way and while none was.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, cast

import numpy as np

from modelyard.core import lookup
from modelyard.core.dataset import Dataset
from modelyard.core.model import Model
from modelyard.core.predictor import Predictor
from modelyard.core.release import Release
from modelyard.engines.local import execute
from modelyard.sources import fetch
from modelyard.yard.yard import Yard

NAME = "tumours"
VERSIONS = 6
UNFIT_EVERY = 5


def run(name: str, inputs: list[Any], out: Path, **options: Any) -> Any:
    step = lookup.step(name)
    out.mkdir()
    return execute(step, inputs, step.check_options(options), out=out, scratch=out)


def publish(yard: Yard, data: Dataset, folder: Path, l2: float) -> tuple[str, Model]:
    """A version of its own scores, with its evaluation."""
    model = run("fit linear", [data], folder / f"model {l2}", task="tabular-classification", l2=l2)
    report = run("evaluate", [model, data], folder / f"report {l2}")
    for artifact in (data, model, report):
        yard.put(artifact)
    out = folder / f"release {l2}"
    out.mkdir()
    release = Release.write(
        out,
        name=NAME,
        model=model,
        data=data,
        reports=[report],
        recipe="modelyard: 1\n",
        lock={},
        judgements=[],
        measures={},
    )
    return yard.publish(yard.put(release)).reference, model


def damage(yard: Yard, model: Model) -> None:
    path = yard.get(model.digest).path / "model.onnx"
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-1] + b"\xff")


@dataclass(frozen=True)
class Served:
    """Releases in a yard, and a server of them in a process of its own.

    Attributes:
        good: references of those that are sound, the first of them served.
        bad: that of the damaged one.
        expected: version → its score of the row.
        body: the request that asks for it.
        log: what the server writes; somebody must read it, as a full pipe would stop the server.
    """

    yard: Yard
    good: list[str]
    bad: str
    expected: dict[str, float]
    body: bytes
    server: subprocess.Popen[str]
    log: IO[str]
    port: int

    async def promote(self, number: int) -> None:
        """Promote another version, every fifth time the damaged one; wait until the server has taken or refused it."""
        reference = self.bad if number % UNFIT_EVERY == 0 else self.good[number % len(self.good)]
        before = self._swaps()
        await asyncio.to_thread(self.yard.promote, reference, force=True)
        while await asyncio.to_thread(self._swaps) == before:
            await asyncio.sleep(0.02)

    def _swaps(self) -> int:
        return sum(event.action == "swap" for event in self.yard.history(NAME))


@contextmanager
def served() -> Iterator[Served]:
    """Make the releases and start the server, which the caller ends."""
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
        inputs = [{"name": name, "datatype": "FP64", "shape": [1], "data": [value]} for name, value in row.items()]
        body = json.dumps({"inputs": inputs}).encode()
        command = [sys.executable, "-m", "modelyard.cli.main", "serve", NAME, "--port", "0", "--workers", "1"]
        environment = {**os.environ, "MODELYARD_HOME": str(yard.home)}
        with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as server:
            log = cast(IO[str], server.stderr)
            port = next(int(line.rsplit(":", 1)[1]) for line in log if "serving" in line)
            yield Served(yard, good, bad, expected, body, server, log, port)


@dataclass
class Seen:
    """What callers saw."""

    failed: list[str] = field(default_factory=list)
    mixed: list[str] = field(default_factory=list)
    versions: set[str] = field(default_factory=set)
    calm: list[float] = field(default_factory=list)
    swapping: list[float] = field(default_factory=list)
    under_way: bool = False

    @property
    def count(self) -> int:
        return len(self.failed) + len(self.calm) + len(self.swapping)


async def call(site: Served, seen: Seen, requests: int) -> None:
    """One caller on one connection: HTTP/1.1 by hand, so that the load costs little beside the server."""
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    length = len(site.body)
    head = f"POST /v2/models/{NAME}/infer HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: {length}\r\n\r\n".encode()
    while seen.count < requests:
        started, under_way = time.perf_counter(), seen.under_way
        writer.write(head + site.body)
        answer = await reader.readuntil(b"\r\n\r\n")
        header = next(line for line in answer.split(b"\r\n") if line.startswith(b"content-length"))
        content = await reader.readexactly(int(header.split(b":")[1]))
        took = time.perf_counter() - started
        if b" 200 " not in answer.split(b"\r\n")[0]:
            seen.failed.append(content.decode()[:200])
            continue
        (seen.swapping if under_way or seen.under_way else seen.calm).append(took)
        found = json.loads(content)
        score = next(item["data"][0] for item in found["outputs"] if item["name"] == "score")
        seen.versions.add(found["model_version"])
        if abs(score - site.expected[found["model_version"]]) > 1e-6:
            seen.mixed.append(found["model_version"])
    writer.close()


async def swap(site: Served, seen: Seen, swaps: int, requests: int) -> int:
    """Promote at even spaces of the requests; returns how many took effect, the unfit ones among them."""
    done = 0
    for number in range(1, swaps + 1):
        while seen.count < number * requests / (swaps + 1):
            await asyncio.sleep(0.005)
        seen.under_way = True
        await site.promote(number)
        seen.under_way = False
        done += 1
    return done


async def measure(site: Served, given: Any) -> Seen:
    seen = Seen()
    callers = [call(site, seen, given.requests) for _ in range(given.callers)]
    started = time.perf_counter()
    swaps, *_ = await asyncio.gather(swap(site, seen, given.swaps, given.requests), *callers)
    print(f"{seen.count} requests in {time.perf_counter() - started:.0f} s, {swaps} promotions")
    return seen


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--swaps", type=int, default=50)
    parser.add_argument("--callers", type=int, default=16)
    given = parser.parse_args()
    # What it logs is read and thrown away.
    with served() as site, subprocess.Popen(["cat"], stdin=site.log, stdout=subprocess.DEVNULL):
        seen = asyncio.run(measure(site, given))
        site.server.terminate()
    print(f"failed {len(seen.failed)}, mixed up {len(seen.mixed)}, versions that answered {sorted(seen.versions)}")
    for title, times in {"calm": seen.calm, "while one is opened": seen.swapping}.items():
        if times:
            p50, p99 = statistics.median(times), np.quantile(times, 0.99)
            print(f"{title:20} {len(times):7} requests, median {1000 * p50:.1f} ms, 99th {1000 * p99:.1f} ms")
    for problem in seen.failed[:5]:
        print("failed:", problem)


if __name__ == "__main__":
    main()
