"""Ties work to the client that waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from starlette.requests import Request

from modelyard.serve.refusals import ClientGoneError

Result = TypeVar("Result")


async def while_connected(request: Request, work: Awaitable[Result]) -> Result:
    """The result of ``work``, which is cancelled when the client goes away. The body must have been read.

    Raises:
        ClientGoneError: the client closed the connection first.
    """
    here = asyncio.current_task()
    left = False

    def leave(watch: asyncio.Task[None]) -> None:
        nonlocal left
        if here is not None and not watch.cancelled():
            left = True
            here.cancel()

    watch = asyncio.create_task(_wait_until_gone(request))
    watch.add_done_callback(leave)
    try:
        return await work
    except asyncio.CancelledError:
        if left and here is not None and here.uncancel() == 0:
            raise ClientGoneError from None
        raise
    finally:
        watch.remove_done_callback(leave)
        watch.cancel()


async def _wait_until_gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        continue
