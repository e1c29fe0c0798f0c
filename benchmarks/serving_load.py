"""Load for ``benchmarks/serving.py``: a closed loop by wrk or by an own client, and an open one at a given rate.

In a closed loop each connection asks again once it has its answer; in an open one requests come when they come,
whether the server keeps up or not. Knows bodies, a port and a path.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

WRK = """
local bodies, turn = {}, 0
for line in io.lines(os.getenv("BODIES")) do bodies[#bodies + 1] = line end
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Authorization"] = os.getenv("AUTHORIZATION")
function request()
  turn = turn % #bodies + 1
  return wrk.format("POST", os.getenv("ROUTE"), nil, bodies[turn])
end
function done(summary, latency, requests)
  local errors = 0
  for _, count in pairs(summary.errors) do errors = errors + count end
  local line = '\\nSUMMARY {"seconds": %.4f, "count": %d, "p50": %.3f, "p99": %.3f, "errors": %d}\\n'
  local p50, p99 = latency:percentile(50) / 1000, latency:percentile(99) / 1000
  io.write(string.format(line, summary.duration / 1e6, summary.requests, p50, p99, errors))
end
"""
"""Answers in milliseconds and their number."""


@dataclass
class Target:
    """What is asked: bodies in turn, at one route of a server on this machine, with a key where it asks for one."""

    port: int
    route: str
    bodies: Sequence[bytes]
    key: str = ""

    @property
    def authorization(self) -> str:
        return f"Bearer {self.key}" if self.key else ""


@dataclass
class Outcome:
    """What came back: status and seconds of every answer, with the time at which it was asked for."""

    asked: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    duration: float = 0.0

    def good(self, within: float = float("inf")) -> int:
        """Answers that are predictions and came in time."""
        return sum(s == 200 and t <= within for s, t in zip(self.statuses, self.seconds, strict=True))

    def quantile(self, share: float, status: int = 200) -> float:
        """Milliseconds; NaN where there is no such answer."""
        times = [t for s, t in zip(self.statuses, self.seconds, strict=True) if s == status]
        return float(np.quantile(times, share)) * 1e3 if times else float("nan")


def closed_loop(target: Target, connections: int, seconds: float) -> dict[str, float]:
    """``rate`` a second, ``p50`` and ``p99`` in milliseconds, and ``errors``; by wrk where it is installed."""
    if shutil.which("wrk") is None:
        found = asyncio.run(ask(target, connections, seconds))
        good = found.good()
        quantiles = {"p50": found.quantile(0.5), "p99": found.quantile(0.99)}
        return {"rate": good / found.duration, **quantiles, "errors": len(found.statuses) - good}
    with tempfile.TemporaryDirectory() as folder:
        script, bodies = Path(folder) / "post.lua", Path(folder) / "bodies"
        script.write_text(WRK)
        bodies.write_bytes(b"\n".join(target.bodies))
        command = [
            "wrk",
            "-t1",
            f"-c{connections}",
            f"-d{max(1, round(seconds))}s",
            "--timeout",
            "30s",
            "--latency",
            "-s",
            str(script),
        ]
        environment = {**os.environ, "BODIES": str(bodies), "ROUTE": target.route}
        if target.key:
            environment["AUTHORIZATION"] = target.authorization
        out = subprocess.run(
            [*command, f"http://127.0.0.1:{target.port}"], env=environment, capture_output=True, text=True, check=True
        ).stdout
    line = re.search(r"SUMMARY (\{.*\})", out)
    if line is None:
        raise RuntimeError(out)
    summary: dict[str, float] = json.loads(line[1])
    return {"rate": summary["count"] / summary["seconds"], **{key: summary[key] for key in ("p50", "p99", "errors")}}


async def ask(
    target: Target, connections: int, seconds: float, *, rate: float | None = None, headers: str = ""
) -> Outcome:
    """Ask for so many seconds.

    Args:
        rate: requests a second in an open loop; None for a closed one.
        headers: further lines of each request, each ended by CR LF.
    """
    loop = asyncio.get_running_loop()
    outcome, turn, answered = Outcome(), 0, asyncio.Event()
    free: deque[_Connection] = deque()
    for _ in range(connections):
        _, connection = await loop.create_connection(
            lambda: _Connection(outcome, free, answered), "127.0.0.1", target.port
        )
        free.append(connection)
    headers += f"authorization: {target.authorization}\r\n" if target.key else ""
    requests = [_request(target.route, body, headers) for body in target.bodies]
    started = time.perf_counter()
    while (now := time.perf_counter() - started) < seconds:
        due = len(free) if rate is None else min(len(free), int(now * rate) - turn)
        for _ in range(due):
            free.popleft().send(requests[turn % len(requests)])
            turn += 1
        if rate is None:
            # Not a turn more than there are answers: what the client takes of the machine, the server lacks.
            await answered.wait()
            answered.clear()
        else:
            await asyncio.sleep(0.002)
    while len(free) < connections and time.perf_counter() - started < seconds + 30:
        await asyncio.sleep(0.002)
    outcome.duration = time.perf_counter() - started
    for connection in free:
        connection.close()
    return outcome


def _request(route: str, body: bytes, headers: str) -> bytes:
    head = f"POST {route} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n{headers}"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


class _Connection(asyncio.Protocol):
    """Asks one thing at a time, over one connection that stays open."""

    def __init__(self, outcome: Outcome, free: deque[_Connection], answered: asyncio.Event) -> None:
        self._outcome, self._free, self._answered = outcome, free, answered
        self._buffer = b""
        self._sent: float | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.Transport):
            self._transport = transport

    def send(self, request: bytes) -> None:
        self._sent = time.perf_counter()
        if self._transport is not None:
            self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, end, body = self._buffer.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: (\d+)", head)
        if end and length is not None and len(body) >= int(length[1]):
            self._buffer = b""
            self._note(int(head[9:12]))

    def connection_lost(self, error: Exception | None) -> None:
        if self._sent is not None:
            self._note(0)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def _note(self, status: int) -> None:
        if self._sent is not None:
            self._outcome.asked.append(self._sent)
            self._outcome.seconds.append(time.perf_counter() - self._sent)
            self._outcome.statuses.append(status)
        self._sent = None
        self._free.append(self)
        self._answered.set()
