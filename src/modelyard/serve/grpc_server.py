"""The Open Inference Protocol over gRPC: another door to the same application. An extra.

A call becomes the request over REST that asks the same, within this process: keys, roles, rules, limits, the log,
metrics and traces are those of the routes, and there is one way in which a model is asked. Knows no model.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson
from starlette.types import ASGIApp, Message

from modelyard.core.errors import InputError, MissingExtraError
from modelyard.serve.grpc_messages import METHODS, SERVICE, message
from modelyard.serve.grpc_tensors import to_document, to_response
from modelyard.serve.hosting import NAME
from modelyard.serve.limits import Limits
from modelyard.serve.refusals import RefusalError

if TYPE_CHECKING:
    from modelyard.serve.server import Tls

_HEADERS = frozenset({b"authorization", b"x-api-key", b"x-request-id", b"traceparent"})
_OURS = b"x-modelyard-"
"""Metadata that is taken for headers; all else is nobody's business."""
_TOLD = frozenset({"x-request-id", "x-modelyard-version", "retry-after"})
"""Headers of the answer that become metadata."""
_LENGTH = "inference-header-content-length"
_TIMEOUT = "x-modelyard-timeout"
_SLACK = 64 * 1024
"""Bytes of a message beside the tensors."""
_CODES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    408: "DEADLINE_EXCEEDED",
    413: "RESOURCE_EXHAUSTED",
    422: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
"""Status over HTTP → the code that says the same."""
_PEER = re.compile(r"ipv[46]:(.*):(\d+)")


@dataclass
class Answer:
    """What the application said."""

    status: int = 500
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


class GrpcServer:
    """Listens from :meth:`start` to :meth:`stop`.

    Args:
        app: the application that answers.
        host: an address in numbers.
        port: 0 for a free one.

    Raises:
        MissingExtraError: the extra is not installed.
    """

    def __init__(self, app: ASGIApp, host: str, port: int, limits: Limits, tls: Tls | None = None) -> None:
        check_installed()
        self._app, self._limits, self._tls = app, limits, tls
        self._place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self._server: Any = None
        self.port = port

    async def start(self) -> None:
        """Listen.

        Raises:
            InputError: the port cannot be used.
        """
        import grpc
        from grpc import aio

        most = self._limits.body_bytes + _SLACK
        options = [
            ("grpc.max_receive_message_length", most),
            ("grpc.max_send_message_length", -1),
            ("grpc.so_reuseport", 0),
            ("grpc.max_metadata_size", 16 * 1024),
        ]
        self._server = aio.server(options=options)
        asked: dict[str, Callable[[Any, Any], Awaitable[Any]]] = {name: getattr(self, _snake(name)) for name in METHODS}
        handlers = {
            name: grpc.unary_unary_rpc_method_handler(
                handler,
                request_deserializer=message(f"{name}Request").FromString,
                response_serializer=lambda answer: answer.SerializeToString(),
            )
            for name, handler in asked.items()
        }
        self._server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(SERVICE, handlers)])
        try:
            self.port = self._listen()
        except RuntimeError:
            raise InputError(f"{self._place} cannot be used for gRPC", fix="choose another port, or 0") from None
        await self._server.start()

    def _listen(self) -> int:
        import grpc

        if self._tls is None:
            return int(self._server.add_insecure_port(self._place))
        pair = (self._tls.key.read_bytes(), self._tls.certificate.read_bytes())
        return int(self._server.add_secure_port(self._place, grpc.ssl_server_credentials([pair])))

    async def stop(self, seconds: float) -> None:
        """Take no more calls, and give those that are there so long."""
        if self._server is not None:
            await self._server.stop(seconds)

    async def server_live(self, request: Any, context: Any) -> Any:
        answer = await self._get("/v2/health/live", context)
        return message("ServerLiveResponse")(live=answer.status == 200)

    async def server_ready(self, request: Any, context: Any) -> Any:
        answer = await self._get("/v2/health/ready", context)
        return message("ServerReadyResponse")(ready=answer.status == 200)

    async def model_ready(self, request: Any, context: Any) -> Any:
        place = await _path(request.name, request.version, context)
        answer = await self._get(f"{place}/ready", context)
        if answer.status not in (200, 503):
            await _refuse(answer, context)
        return message("ModelReadyResponse")(ready=answer.status == 200)

    async def server_metadata(self, request: Any, context: Any) -> Any:
        found = await _read(await self._get("/v2", context), context)
        return message("ServerMetadataResponse")(**found)

    async def model_metadata(self, request: Any, context: Any) -> Any:
        place = await _path(request.name, request.version, context)
        found = await _read(await self._get(place, context), context)
        return message("ModelMetadataResponse")(
            name=found["name"],
            versions=found["versions"],
            platform=found["platform"],
            inputs=found["inputs"],
            outputs=found["outputs"],
        )

    async def model_infer(self, request: Any, context: Any) -> Any:
        import grpc

        place = await _path(request.model_name, request.model_version, context)
        try:
            document, data = to_document(request)
        except RefusalError as error:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, error.message)
        head = orjson.dumps(document)
        answer = await self._ask("POST", f"{place}/infer", context, head + data, {_LENGTH: str(len(head))})
        if answer.status != 200:
            await _refuse(answer, context)
        context.set_trailing_metadata(_told(answer))
        size = int(answer.headers.get(_LENGTH, len(answer.body)))
        return to_response(orjson.loads(answer.body[:size]), answer.body[size:], raw=bool(request.raw_input_contents))

    async def _get(self, path: str, context: Any) -> Answer:
        return await self._ask("GET", path, context)

    async def _ask(
        self, method: str, path: str, context: Any, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> Answer:
        """Ask the application; a caller that goes away is told to it as over HTTP."""
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "2",
            "method": method,
            "scheme": "grpc",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": [
                *_headers_of(context),
                *((name.encode(), text.encode()) for name, text in (headers or {}).items()),
            ],
            "client": _client_of(context),
            "server": None,
        }
        answer, gone, given = Answer(), asyncio.Event(), False

        async def receive() -> Message:
            nonlocal given
            if not given:
                given = True
                return {"type": "http.request", "body": body, "more_body": False}
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(sent: Message) -> None:
            if sent["type"] == "http.response.start":
                answer.status = sent["status"]
                answer.headers = {name.decode("latin-1"): text.decode("latin-1") for name, text in sent["headers"]}
            else:
                answer.body += sent.get("body", b"")

        work = asyncio.ensure_future(self._app(scope, receive, send))
        try:
            await asyncio.shield(work)
        except asyncio.CancelledError:
            gone.set()
            await work
            raise
        return answer


def check_installed() -> None:
    """See that gRPC can be spoken.

    Raises:
        MissingExtraError: the extra is not installed.
    """
    try:
        import grpc  # noqa: F401
        from google.protobuf import descriptor_pb2  # type: ignore[import-untyped] # noqa: F401
    except ModuleNotFoundError:
        raise MissingExtraError("grpcio", "grpc") from None


async def _path(name: str, version: str, context: Any) -> str:
    """The path of a model; a name that could be read as another path is no model's."""
    import grpc

    if not NAME.fullmatch(name) or (version and not NAME.fullmatch(version)):
        await context.abort(grpc.StatusCode.NOT_FOUND, f"no model {name!r:.140}")
    return f"/v2/models/{name}" + (f"/versions/{version}" if version else "")


async def _read(answer: Answer, context: Any) -> Any:
    if answer.status != 200:
        await _refuse(answer, context)
    return orjson.loads(answer.body)


async def _refuse(answer: Answer, context: Any) -> None:
    """End the call with the application's words."""
    import grpc

    code = getattr(grpc.StatusCode, _CODES.get(answer.status, "INTERNAL"))
    await context.abort(code, str(orjson.loads(answer.body)["error"]), trailing_metadata=_told(answer))


def _told(answer: Answer) -> tuple[tuple[str, str], ...]:
    return tuple((name, text) for name, text in answer.headers.items() if name in _TOLD)


def _headers_of(context: Any) -> list[tuple[bytes, bytes]]:
    """Metadata as headers, and the call's deadline as one."""
    pairs = [(name.lower().encode(), _as_bytes(value)) for name, value in context.invocation_metadata() or ()]
    found = [(name, value) for name, value in pairs if name in _HEADERS or name.startswith(_OURS)]
    left = context.time_remaining()
    if left is not None:
        given = [value for name, value in found if name.decode() == _TIMEOUT]
        if not given:
            found.append((_TIMEOUT.encode(), f"{max(left, 0.001):.3f}".encode()))
    return found


def _as_bytes(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode("latin-1", "replace")


def _client_of(context: Any) -> tuple[str, int] | None:
    match = _PEER.fullmatch(context.peer())
    return (match[1].strip("[]").replace("%5B", "").replace("%5D", ""), int(match[2])) if match else None


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
