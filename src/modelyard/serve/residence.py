"""Which models are open while memory does not hold all: those that were asked last.

A model is opened by its first request, which waits for it. Whose last request is the longest ago makes room: it is
given no new ones, answers those that it has, and is closed; whoever asks it meanwhile waits until it is open again.
Knows how much a model takes and how it is opened; no yard and no route.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modelyard.core.errors import ModelyardError
from modelyard.serve.log import model_labels, write_log
from modelyard.serve.metrics import Metrics
from modelyard.serve.refusals import RefusalError

if TYPE_CHECKING:
    from modelyard.serve.hosting import Host, Hosted


@dataclass(frozen=True)
class Lodger:
    """A model that may be opened and closed while the server runs.

    Attributes:
        size: bytes that it takes while it is open.
        resolve: its version as of now, and what opens it; slow.
    """

    name: str
    size: int
    resolve: Callable[[], tuple[str, Callable[[], Hosted]]]


def at_first(lodgers: Sequence[Lodger], limit: int | None) -> list[Lodger]:
    """Those that are open when the server starts: the first ones, as long as they have room together."""
    chosen: list[Lodger] = []
    for lodger in lodgers:
        if limit is None or sum(item.size for item in chosen) + lodger.size <= limit:
            chosen.append(lodger)
    return chosen


class Residence:
    """Args:
    lodgers: the models that it may open and close; others stay as they are.
    limit: bytes that the open ones of them may take together; None for no limit.
    """

    def __init__(self, host: Host, lodgers: Sequence[Lodger], limit: int | None, metrics: Metrics) -> None:
        self._host, self._limit, self._metrics = host, limit, metrics
        self._lodgers = {lodger.name: lodger for lodger in lodgers}
        self._one_by_one = asyncio.Lock()
        self._loads: dict[str, asyncio.Task[None]] = {}
        self._waiting: Counter[str] = Counter()
        self._left = asyncio.Event()

    @property
    def asleep(self) -> list[str]:
        """Models that the next request opens."""
        return [name for name in self._lodgers if self.sleeps(name)]

    def sleeps(self, name: str) -> bool:
        """Whether the next request opens it."""
        return name in self._lodgers and not self._host.has(name)

    def is_loading(self, name: str) -> bool:
        return name in self._loads

    async def wake(self, name: str, seconds: float) -> None:
        """See that a model is open; it is when this returns, and may be closed again after the next wait.

        Raises:
            RefusalError: 503, as it cannot be opened, or not within that time.
        """
        self._waiting[name] += 1
        try:
            async with asyncio.timeout(seconds):
                while self.sleeps(name):
                    # Who leaves does not end the opening that others wait for.
                    await asyncio.shield(self._loads.get(name) or self._begin(name))
        except TimeoutError:
            message = f"{name} was not opened within {seconds:.3g} s"
            raise RefusalError(503, message, code="loading", headers={"retry-after": "1"}) from None
        except (ModelyardError, OSError) as error:
            write_log("load", {**model_labels(name, ""), "error.message": str(error).splitlines()[0]}, level="error")
            raise RefusalError(
                503, f"{name} cannot be opened", fix="look into the server's log", code="unavailable"
            ) from None
        finally:
            self._waiting[name] -= 1
            self._left.set()

    async def unload(self, name: str) -> None:
        """Close a model after the requests that it has; the next one opens it again.

        Raises:
            RefusalError: 404, no such model; 409, it is one that stays.
        """
        if name not in self._lodgers:
            self._host.find(name)
            raise RefusalError(409, f"{name} stays as long as the server does", code="stays")
        async with self._one_by_one:
            if self._host.has(name):
                await self._close(name)

    def _begin(self, name: str) -> asyncio.Task[None]:
        task = self._loads[name] = asyncio.create_task(self._load(self._lodgers[name]))
        task.add_done_callback(lambda _: self._loads.pop(name, None))
        return task

    async def _load(self, lodger: Lodger) -> None:
        async with self._one_by_one:
            while self._limit is not None and self._taken() + lodger.size > self._limit:
                await self._close(self._longest_unused())
            version, opener = await asyncio.to_thread(lodger.resolve)
            await self._host.load(lodger.name, version, opener)
        self._metrics.loads.labels(lodger.name, "loaded").inc()
        write_log("load", model_labels(lodger.name, version))

    def _taken(self) -> int:
        return sum(lodger.size for lodger in self._lodgers.values() if self._host.has(lodger.name))

    def _longest_unused(self) -> str:
        """Idle ones first."""
        here = [name for name in self._lodgers if self._host.has(name)]
        return min(here, key=lambda name: self._host.last_use(name))

    async def _close(self, name: str) -> None:
        # Those for whom it was opened must come to ask it, or it would be opened for nothing, again and again.
        while self._waiting[name]:
            self._left.clear()
            await self._left.wait()
        await self._host.put_away(name)
        self._metrics.loads.labels(name, "unloaded").inc()
        write_log("unload", model_labels(name, ""))
