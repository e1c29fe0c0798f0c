"""Connections that say nothing, or a request's headers a byte at a time, are closed. Knows no route."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class PatientProtocol(HttpToolsProtocol):
    """uvicorn's HTTP/1.1, with a time by which the headers of a request must have come.

    What comes after them has bounds of its own: ``Limits.body_seconds`` for a body, five seconds of silence between
    two requests.
    """

    seconds = 10.0
    """From the connection, or from the first piece of a later request, to the end of the headers."""
    _deadline: asyncio.TimerHandle | None = None
    _in_headers = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._begin()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        # Most headers come in one piece, and are read by now: no time is set for them.
        if self._in_headers:
            self._begin()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_headers = True

    def on_headers_complete(self) -> None:
        self._in_headers = False
        self._end()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end()
        super().connection_lost(exc)

    def _begin(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(self.seconds, self.transport.close)

    def _end(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
