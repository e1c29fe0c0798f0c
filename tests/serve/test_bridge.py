from __future__ import annotations

import asyncio
import threading
import time

from modelyard.serve.bridge import Bridge
from tests.serve.conftest import PATIENCE


def test_everything_arrives_in_order_through_a_narrow_bridge() -> None:
    async def read() -> list[int]:
        bridge: Bridge[int] = Bridge(3, PATIENCE)
        thread = threading.Thread(target=lambda: [bridge.put(number) for number in range(500)])
        thread.start()
        received = [await bridge.get() for _ in range(500)]
        await asyncio.to_thread(thread.join)
        return received

    assert asyncio.run(read()) == list(range(500))


def test_a_writer_that_waits_is_woken_when_the_reader_goes() -> None:
    async def leave() -> list[bool]:
        bridge: Bridge[int] = Bridge(2, PATIENCE)
        outcomes: list[bool] = []
        filled = threading.Event()

        def write() -> None:
            outcomes.extend([bridge.put(1), bridge.put(2)])
            filled.set()
            outcomes.append(bridge.put(3))

        thread = threading.Thread(target=write)
        thread.start()
        await asyncio.to_thread(filled.wait, PATIENCE)
        bridge.close()
        await asyncio.to_thread(thread.join, PATIENCE)
        assert not thread.is_alive()
        return outcomes

    assert asyncio.run(leave()) == [True, True, False]


def test_a_writer_gives_up_on_a_reader_that_stalls() -> None:
    async def stall() -> None:
        bridge: Bridge[int] = Bridge(1, 0.05)
        assert await asyncio.to_thread(bridge.put, 1)
        started = time.monotonic()
        assert not await asyncio.to_thread(bridge.put, 2)
        assert time.monotonic() - started < PATIENCE / 2
        assert bridge.closed

    asyncio.run(stall())
