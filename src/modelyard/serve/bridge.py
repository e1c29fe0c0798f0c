"""Carries the pieces of a growing answer from a worker thread to the event loop.

Bounded: the thread waits when the reader is too far behind, and stops when the reader is gone.
Never blocks the event loop.
"""

from __future__ import annotations

import asyncio
import threading
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Bridge(Generic[Item]):
    """One writer thread, one reader on the loop that made it.

    Args:
        capacity: items that may wait.
        patience: seconds that the writer waits for room before it gives up.
    """

    def __init__(self, capacity: int, patience: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._items: asyncio.Queue[Item] = asyncio.Queue()
        self._room = threading.Semaphore(capacity)
        self._patience = patience
        self._closed = threading.Event()

    def put(self, item: Item) -> bool:
        """Called by the thread; False says that nobody reads any more."""
        if not self._room.acquire(timeout=self._patience):
            self._closed.set()
        if self._closed.is_set():
            return False
        self._loop.call_soon_threadsafe(self._items.put_nowait, item)
        return True

    async def get(self) -> Item:
        """Called on the loop; the next item, once there is one."""
        item = await self._items.get()
        self._room.release()
        return item

    def close(self) -> None:
        """Called by the reader when it wants no more; wakes a waiting writer."""
        self._closed.set()
        self._room.release()

    @property
    def closed(self) -> bool:
        return self._closed.is_set()
