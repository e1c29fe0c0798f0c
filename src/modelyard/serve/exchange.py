"""What every request goes through: path check, request id, metrics, access log, and the form of an error.

Pure ASGI, around the router. A log line says who answered what how fast, and nothing of the texts.
"""

from __future__ import annotations

import functools
import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from modelyard.core.access import Key, without_tokens
from modelyard.methods.personal_data import mask
from modelyard.serve.frames import WorkerError, as_failure
from modelyard.serve.hosting import Served
from modelyard.serve.log import model_labels, write_log
from modelyard.serve.metrics import Metrics
from modelyard.serve.question import index_headers
from modelyard.serve.refusals import RefusalError, refusal_of
from modelyard.serve.spans import CURRENT
from modelyard.serve.trace import Trace, trace_of
from modelyard.serve.tracing import Attributes, RequestSpan, Tracing

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_PLAIN_PATH = re.compile(r"(?:/(?!\.{1,2}(?:/|\Z))[A-Za-z0-9._~:@-]+)*/?")
_KEY = "modelyard.exchange"
_TRACE = 2000
"""Characters of a stack trace, the last ones: a line of the log is no longer than a pipe takes at once."""


@dataclass
class Exchange:
    """One request and what is known of its answer so far."""

    request_id: str
    trace: Trace | None = None
    served: Served | None = None
    status: int = 0
    key: Key | None = None
    span: RequestSpan | None = None

    @property
    def ids(self) -> dict[str, str]:
        """What finds the request in the log, here and in the logs of who asked."""
        trace = {"trace.id": self.trace.id, "span.id": self.trace.span} if self.trace else {}
        return {"http.request.id": self.request_id, **trace}

    def hold(self, served: Served) -> None:
        """This model answers; it is not closed before the request is over."""
        self.release()
        self.served = served
        served.leases.take()

    def release(self) -> None:
        """The request is over."""
        if self.served is not None:
            self.served.leases.give_back()


def exchange_of(request: Request) -> Exchange:
    """Endpoints say there which model answers."""
    exchange: Exchange = request.scope[_KEY]
    return exchange


def key_of(request: Request) -> Key:
    """The key of a request that was let through."""
    key = exchange_of(request).key
    if key is None:
        raise RuntimeError("this route asks for no key")
    return key


class Exchanges:
    """ASGI middleware around the whole application.

    Args:
        tracing: makes spans of requests; None where nobody wants them.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics, tracing: Tracing | None = None) -> None:
        self._app, self._metrics, self._tracing = app, metrics, tracing
        # There are as many as versions, routes and statuses.
        self._seconds = functools.cache(metrics.request_seconds.labels)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = index_headers(scope)
        trace = trace_of(scope["headers"]) if b"traceparent" in headers else None
        exchange = scope[_KEY] = Exchange(_request_id(headers), trace)
        if self._tracing is not None and scope["method"] == "POST":
            exchange.span = self._tracing.begin(exchange.trace)
            exchange.trace = exchange.span.ids
            # A request has a task of its own, and its context ends with it.
            CURRENT.set(exchange.span.traced)
        # Starlette then raises its 404 and 405 instead of answering in plain text.
        scope["app"] = self

        async def send_marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                exchange.status = message["status"]
                message["headers"] = [*message["headers"], *_marks(exchange)]
            await send(message)

        started = time.perf_counter()
        self._metrics.in_flight += 1
        try:
            await self._answer(scope, receive, send_marked, exchange)
        finally:
            self._metrics.in_flight -= 1
            exchange.release()
            self._record(scope, exchange, time.perf_counter() - started)

    async def _answer(self, scope: Scope, receive: Receive, send: Send, exchange: Exchange) -> None:
        try:
            _check_path(scope)
            await self._app(scope, receive, send)
        except HTTPException as error:
            refusal = RefusalError(error.status_code, error.detail, headers=error.headers or {})
            await self._refuse(refusal, scope, receive, send, exchange)
        except Exception as error:
            refusal = refusal_of(error)
            if refusal.status == 500:
                log_failure(error, exchange)
            await self._refuse(refusal, scope, receive, send, exchange)

    async def _refuse(
        self, refusal: RefusalError, scope: Scope, receive: Receive, send: Send, exchange: Exchange
    ) -> None:
        if exchange.status == 0:
            body = error_body(refusal, openai=scope["path"].startswith("/v1/"))
            headers = dict(refusal.headers)
            response = Response(orjson.dumps(body), refusal.status, headers, media_type="application/json")
            await response(scope, receive, send)

    def _record(self, scope: Scope, exchange: Exchange, seconds: float) -> None:
        served = exchange.served
        model, version = (served.name, served.version) if served else ("", "")
        route = getattr(scope.get("route"), "path", "unmatched")
        self._seconds(model, version, route, str(exchange.status)).observe(seconds)
        if served and scope["method"] == "POST":
            served.live.saw(seconds, failed=exchange.status >= 500)
        failed = exchange.status >= 500
        fields = {
            **exchange.ids,
            "event.outcome": "failure" if exchange.status >= 400 else "success",
            "event.duration": round(1e9 * seconds),
            "http.request.method": scope["method"],
            "http.response.status_code": exchange.status,
            "url.path": _path_to_log(scope["path"], known=served is not None),
            **model_labels(model, version),
            "labels.route": route,
            "labels.key": exchange.key.id if exchange.key else "",
        }
        name = f"{scope['method']} {route}"
        write_log("request", fields, level="error" if failed else "info", message=f"{name} {exchange.status}")
        if exchange.span is not None:
            attributes: Attributes = {
                "http.request.method": scope["method"],
                "http.route": route,
                "http.response.status_code": exchange.status,
                "modelyard.model": model,
                "modelyard.version": version,
            }
            exchange.span.end(name, attributes, failed=failed)


def _path_to_log(path: str, *, known: bool) -> str:
    """Short, without keys; one that leads to no model of ours may hold anything, personal data too."""
    short = without_tokens(path)[:400]
    return (short if known else mask(short))[:200]


def error_body(refusal: RefusalError, *, openai: bool) -> dict[str, Any]:
    """The error as OpenAI's clients or as those of the Open Inference Protocol read it."""
    if not openai:
        return {"error": refusal.message}
    kind = "server_error" if refusal.status >= 500 else "invalid_request_error"
    return {"error": {"message": refusal.message, "type": kind, "param": None, "code": refusal.code}}


def log_failure(error: BaseException, exchange: Exchange) -> None:
    """What failed and where in the code; not its message, which may quote a text."""
    failure = error if isinstance(error, WorkerError) else as_failure(error)
    trace = "\n".join(failure.frames)[-_TRACE:]
    fields = {**exchange.ids, "error.type": failure.kind, "error.stack_trace": trace}
    write_log("failure", fields, level="error")


def _request_id(headers: Mapping[bytes, bytes]) -> str:
    given = headers.get(b"x-request-id", b"").decode("latin-1")
    return given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(16)


def _marks(exchange: Exchange) -> list[tuple[bytes, bytes]]:
    marks = [(b"x-request-id", exchange.request_id.encode())]
    if exchange.served is not None:
        marks.append((b"x-modelyard-version", exchange.served.label.encode()))
    return marks


def _check_path(scope: Scope) -> None:
    """Names need no escapes: a path that hides a slash, a dot segment or a control character is no honest one."""
    path, raw = scope["path"], scope["raw_path"].lower()
    if not _PLAIN_PATH.fullmatch(path) or b"%2f" in raw or b"%2e" in raw:
        raise RefusalError(
            400, "the path is not a plain one", expected="letters, digits and . _ ~ : @ - between slashes"
        )
