"""Traces by OpenTelemetry, sent by its protocol (OTLP over HTTP) to a collector. An extra: without it there are none.

A request, its wait, its batch and the model's run are spans of the caller's trace. They tell names of models, routes
and statuses, and times: no text, no path, no key and no address. The worker processes run no tracer; they say when
they were at what, and the server writes that down.

https://opentelemetry.io/docs/specs/semconv/http/http-spans/ for the names.
"""

from __future__ import annotations

import logging
import os
from importlib.metadata import version
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from modelyard.core.errors import InputError, MissingExtraError
from modelyard.serve.log import SERVICE, write_log
from modelyard.serve.spans import Call, Traced
from modelyard.serve.trace import Trace

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span, Tracer

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
"""The standard's variable; what else it knows (headers, sampler, certificate) is honoured too."""
_PATH = "/v1/traces"

Attributes = dict[str, str | int]


class Tracing:
    """Makes spans of requests, until :meth:`close`.

    Args:
        provider: where spans go, and which of them.
    """

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer(SERVICE, version("modelyard"))

    def begin(self, trace: Trace | None) -> RequestSpan:
        """A request has come.

        Args:
            trace: that it belongs to, as its caller says; None for one of its own.
        """
        from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, TraceFlags, set_span_in_context

        parent = None
        if trace is not None:
            flags = TraceFlags(TraceFlags.SAMPLED if trace.sampled else TraceFlags.DEFAULT)
            caller = SpanContext(int(trace.id, 16), int(trace.span, 16), is_remote=True, trace_flags=flags)
            parent = set_span_in_context(NonRecordingSpan(caller))
        return RequestSpan(self._tracer, self._tracer.start_span("request", parent, SpanKind.SERVER))

    def close(self) -> None:
        """Send what was not sent yet."""
        self._provider.shutdown()


class RequestSpan:
    """The span of one request, and those under it."""

    def __init__(self, tracer: Tracer, span: Span) -> None:
        self._tracer, self._span = tracer, span

    @property
    def ids(self) -> Trace:
        """Its trace and its own number."""
        context = self._span.get_span_context()
        return Trace(f"{context.trace_id:032x}", f"{context.span_id:016x}", sampled=context.trace_flags.sampled)

    @property
    def traced(self) -> Traced | None:
        """Itself, if it is one of the sample."""
        return self if self._span.is_recording() else None

    def ran(self, call: Call) -> None:
        """Rows of it were in this call."""
        from opentelemetry.trace import Status, StatusCode, set_span_in_context

        self._child("queue", self._span, call.entered, call.handed)
        attributes: Attributes = {"modelyard.batch.rows": call.rows}
        batch = self._tracer.start_span(
            "batch", set_span_in_context(self._span), start_time=call.handed, attributes=attributes
        )
        if call.began is None or call.ended is None:
            batch.set_status(Status(StatusCode.ERROR, "the worker ended"))
        else:
            worker: Attributes = {"process.pid": call.process} if call.process else {}
            self._child("model", batch, call.began, call.ended, worker)
        batch.end(call.done)

    def end(self, name: str, attributes: Attributes, *, failed: bool) -> None:
        """The request is over.

        Args:
            name: of few values, as ``POST /v2/models/{model}/infer``.
            failed: through no fault of the caller's.
        """
        from opentelemetry.trace import Status, StatusCode

        self._span.update_name(name)
        self._span.set_attributes({key: value for key, value in attributes.items() if value != ""})
        if failed:
            self._span.set_status(Status(StatusCode.ERROR))
        self._span.end()

    def _child(self, name: str, parent: Span, begin: int, end: int, attributes: Attributes | None = None) -> None:
        from opentelemetry.trace import set_span_in_context

        span = self._tracer.start_span(name, set_span_in_context(parent), start_time=begin, attributes=attributes)
        span.end(end)


def open_tracing(endpoint: str | None, share: float | None) -> Tracing | None:
    """Tracing to a collector; None where none is named, here or in the environment.

    Args:
        endpoint: ``http://HOST:PORT`` of a collector; None for the environment's.
        share: of requests that are traced whose callers do not trace them; None for what the environment says, or all.

    Raises:
        InputError: no address, or no share.
        MissingExtraError: the extra is not installed.
    """
    if endpoint is None and not os.environ.get(ENDPOINT):
        if share is not None:
            raise InputError("--trace-share without traces", fix="name a collector: --traces http://localhost:4318")
        return None
    if share is not None and not 0 <= share <= 1:
        raise InputError(f"--trace-share {share:g}", expected="0 to 1")
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
    except ModuleNotFoundError:
        raise MissingExtraError("opentelemetry", "tracing") from None
    _log_problems()
    resource = Resource.create({"service.name": SERVICE, "service.version": version("modelyard")})
    provider = TracerProvider(
        ParentBased(TraceIdRatioBased(share)) if share is not None else None, resource, shutdown_on_exit=False
    )
    exporter = OTLPSpanExporter(_traces_url(endpoint)) if endpoint else OTLPSpanExporter()
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return Tracing(provider)


def _traces_url(endpoint: str) -> str:
    parts = urlsplit(endpoint)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InputError(f"--traces {endpoint:.100}", expected="http://HOST:PORT of a collector (OTLP over HTTP)")
    return endpoint if parts.path.strip("/") else endpoint.rstrip("/") + _PATH


def _log_problems() -> None:
    """What the exporter has to say stands in the log like everything else."""
    logger = logging.getLogger("opentelemetry")
    if not any(isinstance(handler, _IntoLog) for handler in logger.handlers):
        logger.addHandler(_IntoLog(logging.WARNING))
        logger.propagate = False


class _IntoLog(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        write_log(
            "tracing", {"error.message": record.getMessage()[:200]}, level="error", message="traces were not sent"
        )
