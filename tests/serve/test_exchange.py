"""Metrics, access log and request ids."""

from __future__ import annotations

import fcntl
import json
import os
import sys
from datetime import UTC, datetime
from importlib.metadata import version

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from modelyard.serve.fork_server import ForkServer
from modelyard.serve.hosting import Hosted
from modelyard.serve.trace import Trace, trace_of
from tests.serve.conftest import Serve, infer_body, until

PATH = "/v2/models/sms/infer"


def read_metrics(client: httpx.Client) -> dict[tuple[str, tuple[str, ...]], float]:
    """Value by sample name and label values."""
    return {
        (sample.name, tuple(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(client.get("/metrics").text)
        for sample in family.samples
    }


def read_log(capfd: pytest.CaptureFixture[str], request_id: str) -> str:
    """The lines about one request, once its access line is there: it follows the answer."""
    seen: list[str] = []

    def is_written() -> bool:
        seen.append(capfd.readouterr().err)
        return any(request_id in line and '"labels.route"' in line for line in "".join(seen).splitlines())

    until(is_written)
    return "".join(line + "\n" for line in "".join(seen).split("\n") if request_id in line)


def test_metrics_count_requests_rows_and_labels(serve: Serve, opened: ForkServer) -> None:
    with serve(Hosted("sms", "1", opened)) as client:
        answer = client.post(PATH, json=infer_body("one", "two", "three")).json()
        client.post(PATH, json=infer_body(), headers={"x-request-id": "bad"})
        client.get("/v2/models/unheard-of")
        client.get("/nowhere/" + "x" * 50)
        metrics = read_metrics(client)
    count = "modelyard_request_duration_seconds_count"
    route = "/v2/models/{model}/infer"
    assert metrics[count, ("sms", route, "200", "1")] == 1
    assert metrics[count, ("sms", route, "422", "1")] == 1
    assert metrics[count, ("", "/v2/models/{model}", "404", "")] == 1
    assert metrics[count, ("", "unmatched", "404", "")] == 1
    assert metrics["modelyard_batch_rows_sum", ("sms", "1")] == 3
    assert metrics["modelyard_requests_in_flight", ()] == 1
    labels = answer["outputs"][0]["data"]
    for label in set(labels):
        assert metrics["modelyard_predictions_total", (label, "sms", "1")] == labels.count(label)
    assert [value for (name, _), value in metrics.items() if name == "modelyard_build_info"] == [1]


def test_a_log_line_tells_the_request_and_nothing_of_its_text(
    serve: Serve, opened: ForkServer, capfd: pytest.CaptureFixture[str]
) -> None:
    with serve(Hosted("sms", "1", opened)) as client:
        answer = client.post(PATH, json=infer_body("very private"), headers={"x-request-id": "abc-1.2"})
        (line,) = read_log(capfd, "abc-1.2").splitlines()
    assert answer.headers["x-request-id"] == "abc-1.2"
    logged = json.loads(line)
    assert list(logged)[:4] == ["@timestamp", "log.level", "message", "ecs.version"]
    assert datetime.fromisoformat(logged.pop("@timestamp")).tzinfo is UTC
    assert 0 < logged.pop("event.duration") < 30e9
    assert logged == {
        "log.level": "info",
        "message": "POST /v2/models/{model}/infer 200",
        "ecs.version": "8.11.0",
        "service.name": "modelyard",
        "service.version": version("modelyard"),
        "event.action": "request",
        "event.outcome": "success",
        "http.request.id": "abc-1.2",
        "http.request.method": "POST",
        "http.response.status_code": 200,
        "url.path": PATH,
        "labels.model": "sms",
        "labels.version": "1",
        "labels.route": "/v2/models/{model}/infer",
        "labels.key": "local",
    }


TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


def test_the_trace_of_a_request_stands_in_its_line(client: httpx.Client, capfd: pytest.CaptureFixture[str]) -> None:
    headers = {"traceparent": f"00-{TRACE}-{SPAN}-01", "x-request-id": "traced"}
    client.post(PATH, json=infer_body("one"), headers=headers)
    logged = json.loads(read_log(capfd, "traced"))
    assert (logged["trace.id"], logged["span.id"]) == (TRACE, SPAN)
    client.post(PATH, json=infer_body("one"), headers={"traceparent": "00-evil", "x-request-id": "untraced"})
    assert not {"trace.id", "span.id"} & set(json.loads(read_log(capfd, "untraced")))


@pytest.mark.parametrize(
    ("values", "known"),
    [
        ([f"00-{TRACE}-{SPAN}-00"], True),
        ([f"cc-{TRACE}-{SPAN}-01-what-comes-later"], True),
        ([f"cc-{TRACE}-{SPAN}-01.what"], False),
        ([f"00-{TRACE}-{SPAN}-01-more"], False),
        ([f"ff-{TRACE}-{SPAN}-01"], False),
        ([f"00-{TRACE.upper()}-{SPAN}-01"], False),
        ([f"00-{'0' * 32}-{SPAN}-01"], False),
        ([f"00-{TRACE}-{'0' * 16}-01"], False),
        ([f"00-{TRACE}-{SPAN}-01"] * 2, False),
        ([], False),
    ],
)
def test_a_trace_is_read_as_the_standard_has_it(values: list[str], known: bool) -> None:
    found = trace_of([(b"traceparent", value.encode()) for value in values])
    sampled = bool(values) and values[0][53:55] == "01"
    assert found == (Trace(TRACE, SPAN, sampled) if known else None)


def test_a_path_that_leads_nowhere_is_masked(client: httpx.Client, capfd: pytest.CaptureFixture[str]) -> None:
    client.get("/v2/models/ada@example.org", headers={"x-request-id": "personal"})
    assert json.loads(read_log(capfd, "personal"))["url.path"] == "/v2/models/[EMAIL]"


@pytest.mark.parametrize("request_id", ["\u202eevil".encode(), b"x" * 65, b"a b", b"{}"])
def test_names_that_steer_a_terminal_end_as_one_escaped_line(
    client: httpx.Client, capfd: pytest.CaptureFixture[str], request_id: bytes
) -> None:
    answer = client.get("/v2/models/%0a%1b%5b31m%e2%80%ae", headers={b"x-request-id": request_id})
    assert answer.status_code == 400
    assert len(answer.headers["x-request-id"]) == 32
    (line,) = read_log(capfd, answer.headers["x-request-id"]).splitlines()
    assert line.isascii()
    assert json.loads(line)["url.path"] == "/v2/models/\n\x1b[31m\u202e"
    assert "\x1b" not in line


def test_a_failure_inside_tells_the_log_where_and_the_caller_nothing(
    serve: Serve, faulty: ForkServer, capfd: pytest.CaptureFixture[str]
) -> None:
    with serve(Hosted("sms", "1", faulty)) as client:
        answer = client.post(PATH, json=infer_body("fail"))
        assert client.get("/v2/health/ready").status_code == 200
        failure = json.loads(read_log(capfd, answer.headers["x-request-id"]).splitlines()[0])
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert "RuntimeError" not in answer.text
    assert (failure["event.action"], failure["log.level"]) == ("failure", "error")
    assert failure["error.type"] == "RuntimeError"
    assert failure["http.request.id"] == answer.headers["x-request-id"]
    assert "secret" not in json.dumps(failure)
    assert "predict" in failure["error.stack_trace"]


def test_the_openapi_document_names_every_route(client: httpx.Client) -> None:
    document = client.get("/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    operation = document["paths"]["/v2/models/{model}/versions/{version}/infer"]["post"]
    assert [item["name"] for item in operation["parameters"]] == ["model", "version"]
    for methods in document["paths"].values():
        assert all(operation["summary"] for operation in methods.values())
    for path in ("/v2", "/v2/health/live", "/v1/chat/completions", "/metrics"):
        assert path in document["paths"]


def test_where_nobody_reads_the_log_lines_are_lost_and_requests_are_answered(
    serve: Serve, opened: ForkServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, writer = os.pipe()
    with os.fdopen(writer, "w", buffering=1) as nobody, serve(Hosted("sms", "1", opened)) as client:
        monkeypatch.setattr(sys, "stderr", nobody)
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
        statuses = {client.get("/v2", timeout=10).status_code for _ in range(50)}
        lost = read_metrics(client)["modelyard_log_lines_lost_total", ()]
        written = os.read(reader, 1 << 16).decode().splitlines()
        client.get("/v2/health/live")
        again = json.loads(os.read(reader, 1 << 16).decode().splitlines()[0])
    os.close(reader)
    assert statuses == {200}
    # The line about reading the metrics is not written before they are.
    assert len(written) + lost >= 50
    assert lost > 30
    assert all(json.loads(line)["event.action"] == "request" for line in written)
    assert again["event.action"] == "request"
