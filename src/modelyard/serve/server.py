"""Binds the application to a loopback port and runs it until it is told to stop.

Access keys do not exist yet, so nothing but this machine may reach it.
"""

from __future__ import annotations

import ipaddress
import signal
import socket
import sys
import threading
from collections.abc import Sequence
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from modelyard.core.errors import InputError
from modelyard.serve.app import Companion, create_app
from modelyard.serve.hosting import Hosted
from modelyard.serve.limits import Limits

_DRAIN_SECONDS = 30


def run(
    models: Sequence[Hosted],
    *,
    host: str = "127.0.0.1",
    port: int = 8080,
    limits: Limits | None = None,
    companion: Companion | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT; then finish what is in flight and close the models.

    Args:
        models: opened models; the first version of a name is its default.
        host: a loopback address.
        port: 0 takes a free one; the line on standard error names it.
        companion: what changes the models while they answer.

    Raises:
        InputError: another address than loopback, or a port that is taken.
    """
    listener = bind(host, port)
    server = Server(
        create_app(models, limits=limits, companion=companion), [f"{item.name}:{item.version}" for item in models]
    )
    if threading.current_thread() is threading.main_thread():
        # uvicorn raises the signal again once it has shut down: an orderly stop is no failure.
        for stop in (signal.SIGTERM, signal.SIGINT):
            signal.signal(stop, lambda *_: None)
    server.run(sockets=[listener])


class Server(uvicorn.Server):
    """uvicorn as it is set up here; says on standard error what is served once it is.

    Args:
        labels: ``name:version`` of each model.
    """

    def __init__(self, app: ASGIApp, labels: Sequence[str]) -> None:
        self._labels = labels
        config = uvicorn.Config(
            app,
            loop="uvloop",
            http="httptools",
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            log_level="error",
            server_header=False,
            timeout_graceful_shutdown=_DRAIN_SECONDS,
        )
        super().__init__(config)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for listener in sockets or []:
            host, port = listener.getsockname()[:2]
            place = f"[{host}]" if ":" in host else host
            for label in self._labels:
                sys.stderr.write(f"serving {label} on http://{place}:{port}\n")
        sys.stderr.flush()


def bind(host: str, port: int) -> socket.socket:
    """A socket on a loopback address.

    Raises:
        InputError: another address, or a port that is taken or forbidden.
    """
    if not _is_loopback(host):
        raise InputError(
            f"the server does not listen on {host!r}",
            expected="a loopback address (127.0.0.1, ::1 or localhost), as there are no access keys yet",
            fix="put a proxy with access control in front of it",
        )
    if not 0 <= port <= 65535:
        raise InputError(f"port {port}", expected="0 to 65535, 0 for a free one")
    address: tuple[Any, ...] = ("127.0.0.1" if host == "localhost" else host, port)
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
    except OSError as error:
        listener.close()
        raise InputError(f"port {port} cannot be used: {error.strerror}", fix="choose another port, or 0") from None
    return listener


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
