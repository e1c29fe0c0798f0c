"""Traces: spans of a request, its wait, its batch and the model's run, in its caller's trace and without its text."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ParentBased
from opentelemetry.trace import StatusCode

from modelyard.core.errors import InputError, MissingExtraError
from modelyard.serve.fork_server import ForkServer
from modelyard.serve.hosting import Hosted
from modelyard.serve.tracing import ENDPOINT, Tracing, open_tracing
from tests.serve.conftest import Gated, Serve, infer_body, until
from tests.serve.test_exchange import PATH, SPAN, TRACE, read_log

CALLER = {"traceparent": f"00-{TRACE}-{SPAN}-01"}
INFER = "POST /v2/models/{model}/infer"
Spans = Callable[[], Sequence[ReadableSpan]]


def make(sampler: Any = None) -> tuple[Tracing, Spans]:
    """Tracing, and the spans that are over."""
    exporter, provider = InMemorySpanExporter(), TracerProvider(sampler)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return Tracing(provider), exporter.get_finished_spans


def named(spans: Spans, name: str) -> list[ReadableSpan]:
    return [span for span in spans() if span.name == name]


def parent_of(span: ReadableSpan) -> int | None:
    return span.parent.span_id if span.parent else None


def number_of(span: ReadableSpan) -> int:
    assert span.context is not None
    return int(span.context.span_id)


def test_the_spans_of_a_request_stand_in_the_trace_of_its_caller(
    serve: Serve, opened: ForkServer, capfd: pytest.CaptureFixture[str]
) -> None:
    tracing, spans = make()
    with serve(Hosted("sms", "1", opened), tracing=tracing) as client:
        answer = client.post(PATH, json=infer_body("Ada", "b"), headers={**CALLER, "x-request-id": "traced"})
        assert answer.status_code == 200
        until(lambda: bool(named(spans, INFER)))
    (request,), (queue,), (batch,), (model,) = (named(spans, name) for name in (INFER, "queue", "batch", "model"))
    assert {f"{span.context.trace_id:032x}" for span in (request, queue, batch, model) if span.context} == {TRACE}
    assert parent_of(request) == int(SPAN, 16)
    assert parent_of(queue) == parent_of(batch) == number_of(request)
    assert parent_of(model) == number_of(batch)
    assert queue.end_time == batch.start_time
    times = [request.start_time, queue.start_time, model.start_time, model.end_time, batch.end_time, request.end_time]
    assert times == sorted(time for time in times if time)
    assert dict(request.attributes or {}) == {
        "http.request.method": "POST",
        "http.route": "/v2/models/{model}/infer",
        "http.response.status_code": 200,
        "modelyard.model": "sms",
        "modelyard.version": "1",
    }
    assert dict(batch.attributes or {}) == {"modelyard.batch.rows": 2}
    assert "Ada" not in "".join(span.to_json() for span in spans())
    logged = json.loads(read_log(capfd, "traced"))
    assert (logged["trace.id"], int(logged["span.id"], 16)) == (TRACE, number_of(request))


def test_requests_that_share_a_batch_have_a_span_of_it_each(serve: Serve, gated: Gated) -> None:
    source, gate = gated
    tracing, spans = make()
    with serve(Hosted("sms", "1", source), tracing=tracing) as client:
        threads = [
            threading.Thread(target=client.post, args=(PATH,), kwargs={"json": infer_body("text")}) for _ in range(4)
        ]
        threads[0].start()
        gate.wait_until_running()
        for thread in threads[1:]:
            thread.start()
        until(lambda: 'modelyard_queue_rows{model="sms",version="1"} ' in client.get("/metrics").text)
        gate.open()
        for thread in threads:
            thread.join()
    batches = named(spans, "batch")
    assert len(batches) == 4
    assert len({span.context.trace_id for span in batches if span.context}) == 4


def test_a_request_that_fails_is_marked_and_a_lost_worker_is_seen(serve: Serve, faulty: ForkServer) -> None:
    tracing, spans = make()
    with serve(Hosted("sms", "1", faulty), tracing=tracing) as client:
        assert client.post(PATH, json=infer_body("end the worker")).status_code == 500
        until(lambda: bool(named(spans, INFER)))
    assert [span.status.status_code for span in named(spans, "batch")] == [StatusCode.ERROR] * 2
    (request,) = named(spans, INFER)
    assert request.status.status_code is StatusCode.ERROR
    assert request.status.description is None


def test_what_is_not_in_the_sample_is_not_noted_unless_its_caller_notes_it(serve: Serve, opened: ForkServer) -> None:
    tracing, spans = make(ParentBased(ALWAYS_OFF))
    with serve(Hosted("sms", "1", opened), tracing=tracing) as client:
        client.post(PATH, json=infer_body("one"))
        client.post(PATH, json=infer_body("one"), headers={"traceparent": f"00-{TRACE}-{SPAN}-00"})
        assert spans() == ()
        client.post(PATH, json=infer_body("one"), headers=CALLER)
        until(lambda: len(spans()) == 4)


def test_a_collector_gets_them(serve: Serve, opened: ForkServer) -> None:
    got: list[tuple[str, bytes]] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append((self.path, self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Collector)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        tracing = open_tracing(f"http://127.0.0.1:{server.server_port}", 1.0)
        with serve(Hosted("sms", "1", opened), tracing=tracing) as client:
            client.post(PATH, json=infer_body("one"))
        (path, body), *_ = got
    finally:
        server.shutdown()
        server.server_close()
    assert path == "/v1/traces"
    (resource,) = ExportTraceServiceRequest.FromString(body).resource_spans
    named = {item.key: item.value.string_value for item in resource.resource.attributes}
    assert named["service.name"] == "modelyard"
    names = [span.name for scope in resource.scope_spans for span in scope.spans]
    assert {"queue", "batch", "model", INFER} <= set(names)


def test_nothing_is_traced_unless_a_collector_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ENDPOINT, raising=False)
    assert open_tracing(None, None) is None
    for endpoint, share, what in (
        (None, 0.5, "without traces"),
        ("http://localhost:4318", 2.0, "--trace-share 2"),
        ("localhost:4318", None, "--traces localhost:4318"),
    ):
        with pytest.raises(InputError, match=what):
            open_tracing(endpoint, share)
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    monkeypatch.setenv(ENDPOINT, "http://127.0.0.1:1")
    with pytest.raises(MissingExtraError, match="opentelemetry is not installed") as raised:
        open_tracing(None, None)
    assert raised.value.fix == "pip install 'modelyard[tracing]'"
