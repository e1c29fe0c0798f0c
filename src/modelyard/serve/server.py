"""Binds the application to a port and runs it until it is told to stop.

Where there are no access keys, nothing but this machine may reach it.
"""

from __future__ import annotations

import signal
import socket
import ssl
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from modelyard.core.access import Key
from modelyard.core.addresses import is_loopback
from modelyard.core.errors import InputError
from modelyard.serve import heap
from modelyard.serve.addresses import is_address
from modelyard.serve.app import Companion, create_app
from modelyard.serve.desk import Desk
from modelyard.serve.grpc_server import GrpcServer
from modelyard.serve.hosting import Hosted
from modelyard.serve.keyring import Keyring, no_keys
from modelyard.serve.limits import Limits
from modelyard.serve.patience import PatientProtocol
from modelyard.serve.residence import Lodger
from modelyard.serve.tracing import Tracing

_DRAIN_SECONDS = 30


@dataclass(frozen=True)
class Tls:
    """A certificate with its chain, and its private key, as PEM files.

    Raises:
        InputError: they cannot be read, or do not belong together.
    """

    certificate: Path
    key: Path

    def __post_init__(self) -> None:
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(self.certificate, self.key, password=_no_password)
        except (OSError, ValueError) as error:
            raise InputError(
                f"no certificate and key can be read: {error}",
                expected="two PEM files that belong together, the key without a password",
                where=f"{self.certificate}, {self.key}",
            ) from None


def _no_password() -> str:
    raise ValueError("the key has a password")


def run(
    models: Sequence[Hosted],
    *,
    host: str = "127.0.0.1",
    port: int = 8080,
    limits: Limits | None = None,
    companion: Companion | None = None,
    desk: Desk | None = None,
    keys: Callable[[], Sequence[Key]] = no_keys,
    tls: Tls | None = None,
    tracing: Tracing | None = None,
    grpc_port: int | None = None,
    lodgers: Sequence[Lodger] = (),
    memory_limit: int | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT; then finish what is in flight and close the models.

    Args:
        models: opened models; the first version of a name is its default.
        host: a loopback address, or any address of this machine where there are keys.
        port: 0 takes a free one; the line on standard error names it.
        companion: what changes the models while they answer.
        desk: takes answers for review.
        keys: reads all keys there are; asked again and again.
        tracing: makes spans of requests.
        lodgers: models that are opened and closed as they are asked.
        memory_limit: bytes that the open ones of these may take.
        grpc_port: where gRPC is spoken too, on the same address; 0 takes a free one.

    Raises:
        InputError: another address than loopback without keys, or a port that is taken.
    """
    heap.keep_little()
    keyring = Keyring(keys, local=is_loopback(host))
    listener = bind(host, port, keys=keyring.usable)
    if not is_loopback(host) and tls is None:
        sys.stderr.write("warning: keys and texts cross the network readable; give --tls-cert and --tls-key\n")
    app = create_app(
        models,
        limits=limits,
        companion=companion,
        keyring=keyring,
        desk=desk,
        tracing=tracing,
        lodgers=lodgers,
        memory_limit=memory_limit,
    )
    grpc = None
    if grpc_port is not None:
        bind(host, grpc_port, keys=keyring.usable).close()
        grpc = GrpcServer(app, "127.0.0.1" if host == "localhost" else host, grpc_port, limits or Limits(), tls)
    server = Server(app, [f"{item.name}:{item.version}" for item in models], tls, grpc)
    if threading.current_thread() is threading.main_thread():
        # uvicorn raises the signal again once it has shut down: an orderly stop is no failure.
        for stop in (signal.SIGTERM, signal.SIGINT):
            signal.signal(stop, lambda *_: None)
    server.run(sockets=[listener])


class Server(uvicorn.Server):
    """uvicorn as it is set up here; says on standard error what is served once it is.

    Args:
        labels: ``name:version`` of each model.
        grpc: listens as long as this server does.
    """

    def __init__(
        self, app: ASGIApp, labels: Sequence[str], tls: Tls | None = None, grpc: GrpcServer | None = None
    ) -> None:
        self._labels, self._scheme, self._grpc = labels, "https" if tls else "http", grpc
        config = uvicorn.Config(
            app,
            loop="uvloop",
            http=PatientProtocol,
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            log_level="error",
            server_header=False,
            # Who asks is told by keys, not by a header that anybody on this machine can write.
            proxy_headers=False,
            ssl_certfile=tls.certificate if tls else None,
            ssl_keyfile=tls.key if tls else None,
            timeout_graceful_shutdown=_DRAIN_SECONDS,
        )
        super().__init__(config)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for listener in sockets or []:
            host, port = listener.getsockname()[:2]
            place = f"[{host}]" if ":" in host else host
            for label in self._labels:
                sys.stderr.write(f"serving {label} on {self._scheme}://{place}:{port}\n")
        if self._grpc is not None:
            await self._grpc.start()
            sys.stderr.write(f"gRPC on port {self._grpc.port}\n")
        sys.stderr.flush()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self._grpc is not None:
            await self._grpc.stop(_DRAIN_SECONDS)
        await super().shutdown(sockets)


def bind(host: str, port: int, *, keys: bool = False) -> socket.socket:
    """A socket on a loopback address, or on any where there are ``keys``.

    Raises:
        InputError: another address, or a port that is taken or forbidden.
    """
    if not is_address(host):
        raise InputError(f"the server does not listen on {host!r}", expected="an address in numbers, or localhost")
    if not is_loopback(host) and not keys:
        raise InputError(
            f"the server does not listen on {host!r} without keys: anybody could use it",
            expected="a loopback address (127.0.0.1, ::1 or localhost), or a key in the yard",
            fix="modelyard keys add --label NAME",
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
        raise InputError(
            f"port {port} cannot be used on {host}: {error.strerror}", fix="choose another port, or 0"
        ) from None
    return listener
