"""Does jobs on Ray, as workers of this machine that listen on the loopback interface only. Knows no recipe."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from typing import Any

from modelyard.core.errors import MissingExtraError, ModelyardError
from modelyard.engines.jobs import Job, find_function


class Ray:
    """A Ray of our own, started with the first jobs and shut down by :meth:`close`."""

    def __init__(self, width: int) -> None:
        try:
            import ray
        except ModuleNotFoundError:
            raise MissingExtraError("ray", "ray") from None
        self.width = width
        self._ray: Any = ray
        begin(ray, width)
        # Retried elsewhere, a job that killed its worker would kill the next.
        self._remote: Any = self._ray.remote(num_cpus=1, max_retries=0)(_do)

    def run(self, function: str, jobs: Iterable[Job]) -> Iterator[tuple[int, dict[str, Any]]]:
        running: dict[Any, int] = {}
        waiting = enumerate(jobs)
        while True:
            while len(running) < self.width and (item := next(waiting, None)) is not None:
                running[self._remote.remote(function, json.dumps(item[1]))] = item[0]
            if not running:
                return
            done, _ = self._ray.wait(list(running), num_returns=1)
            for reference in done:
                try:
                    result: dict[str, Any] = json.loads(self._ray.get(reference))
                except self._ray.exceptions.RayError as error:
                    raise ModelyardError(f"a worker failed: {error}", fix="give fewer --jobs") from None
                yield running.pop(reference), result

    def close(self) -> None:
        self._ray.shutdown()


def begin(ray: Any, width: int) -> None:
    """A Ray of this machine alone, on the loopback interface."""
    ray.init(
        num_cpus=width,
        include_dashboard=False,
        _node_ip_address="127.0.0.1",
        log_to_driver=False,
        logging_level="error",
        # A worker finds the code where this process does.
        runtime_env={"env_vars": {"PYTHONPATH": ":".join(path for path in sys.path if path)}},
    )


def _do(function: str, job: str) -> str:
    return json.dumps(find_function(function)(json.loads(job)), allow_nan=False)
