"""Bad requests: each gets its status, and a good request still succeeds afterwards."""

from __future__ import annotations

import gzip
import json
import socket
import threading
import time
import zlib
from collections.abc import Iterator

import httpx
import pytest

from modelyard.serve.fork_server import ForkServer
from modelyard.serve.hosting import Hosted
from modelyard.serve.limits import Limits
from modelyard.serve.patience import PatientProtocol
from tests.serve.conftest import PATIENCE, Serve, infer_body

PATH = "/v2/models/sms/infer"
LIMITS = Limits(body_bytes=200_000, text_characters=10_000, body_seconds=0.5)


@pytest.fixture(scope="module")
def client(serve: Serve, opened: ForkServer) -> Iterator[httpx.Client]:
    with serve(Hosted("sms", "1", opened), limits=LIMITS) as client:
        yield client


@pytest.fixture(autouse=True)
def _still_answers(client: httpx.Client) -> Iterator[None]:
    yield
    assert client.post(PATH, json=infer_body("a good text")).status_code == 200


def exchange(client: httpx.Client, *parts: bytes) -> bytes:
    """Send raw bytes and read until the server closes."""
    with socket.create_connection((client.base_url.host, client.base_url.port or 0), PATIENCE) as connection:
        for part in parts:
            connection.sendall(part)
        received = b""
        while data := connection.recv(65536):
            received += data
        return received


def refused(answer: httpx.Response, status: int) -> str:
    assert answer.status_code == status, answer.text
    assert "Traceback" not in answer.text
    assert "/modelyard" not in answer.text
    return str(answer.json()["error"])


@pytest.mark.parametrize(
    "path",
    [
        "/v2/models/%2e%2e/ready",
        "/v2/models/%2E%2E%2Fsms/ready",
        "/v2/models/%252e%252e/ready",
        "/v2/models/../../etc/passwd",
        "/v2/./models/sms",
        "/v2/models/sms%00/ready",
        "/v2//models/sms",
        "/v2/models/sms%2fready",
        "/v2/models/sms%5c..%5cx",
        "/v2/models/s%0d%0am",
        "/v2/models/%e2%80%aesms",
        "/v2/models/<script>",
        "/v2/models/" + "a" * 5_000 + "!",
    ],
)
def test_paths_that_hide_something_are_refused(client: httpx.Client, path: str) -> None:
    answer = exchange(client, f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert json.loads(answer.split(b"\r\n\r\n")[1])["error"].startswith("the path is not a plain one")


def test_unknown_paths_and_methods_answer_in_json(client: httpx.Client) -> None:
    assert refused(client.get("/v3"), 404)
    assert refused(client.get("/v2/"), 404)
    assert refused(client.get(PATH), 405)
    assert client.get("/v1/nothing").json()["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 200_000,
        b'{"inputs": ' + b"9" * 10_000 + b"}",
        b'{"inputs": NaN}',
        b'{"inputs": [], "inputs": []}',
        b'{"inputs": "\xff"}',
        b'{"inputs": "\\ud800"}',
        b"not json",
        b"",
    ],
)
def test_what_is_not_strict_json_is_refused(client: httpx.Client, body: bytes) -> None:
    refused(client.post(PATH, content=body), 400)


def test_a_large_body_is_refused_by_its_length_and_by_what_comes(client: httpx.Client) -> None:
    large = b" " * (LIMITS.body_bytes + 1)
    assert "at most 200000 bytes" in refused(client.post(PATH, content=large), 413)
    refused(client.post(PATH, content=(large[start : start + 50] for start in range(0, len(large), 50))), 413)
    head = f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n".encode()
    # Refused by the header alone: the body never comes.
    assert exchange(client, head, b"Content-Length: 50000000\r\n\r\n").startswith(b"HTTP/1.1 413 ")
    refused(client.post(PATH, content=b" " * LIMITS.body_bytes), 400)


@pytest.mark.parametrize(("encoding", "compress"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
def test_compressed_bodies_are_read_and_bombs_refused(client: httpx.Client, encoding: str, compress: object) -> None:
    assert callable(compress)
    headers = {"content-encoding": encoding}
    good = json.dumps(infer_body("compressed")).encode()
    assert client.post(PATH, content=compress(good), headers=headers).status_code == 200
    refused(client.post(PATH, content=compress(b" " * 50_000_000), headers=headers), 413)
    refused(client.post(PATH, content=compress(good)[:-6], headers=headers), 400)
    refused(client.post(PATH, content=good, headers=headers), 400)
    refused(client.post(PATH, content=good, headers={"content-encoding": "br"}), 415)


def test_long_text_is_refused_before_the_tokenizer_and_nobody_waits(client: httpx.Client) -> None:
    assert "at most 10000" in refused(client.post(PATH, json=infer_body("short", "x" * 10_001)), 413)
    waits: list[float] = []
    huge = b'{"inputs":[{"name":"text","shape":[1],"datatype":"BYTES","data":["' + b"x" * 50_000_000 + b'"]}]}'
    sender = threading.Thread(target=lambda: refused(httpx.post(str(client.base_url.join(PATH)), content=huge), 413))
    sender.start()
    while sender.is_alive():
        started = time.perf_counter()
        assert client.get("/v2/health/live").status_code == 200
        waits.append(time.perf_counter() - started)
    assert sorted(waits)[len(waits) // 2] < 0.1


def test_a_body_that_does_not_come_is_given_up(client: httpx.Client) -> None:
    head = f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 10\r\n\r\n".encode()
    assert exchange(client, head, b"{").startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize("parts", [(), (b"GET /v2/health/live HT",), (b"GET / HTTP/1.1\r\n", b"a: b\r\n", b"c")])
def test_a_connection_that_says_nothing_to_its_end_is_closed(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch, parts: tuple[bytes, ...]
) -> None:
    assert PatientProtocol.seconds <= 10
    monkeypatch.setattr(PatientProtocol, "seconds", 0.2)
    started = time.perf_counter()
    assert exchange(client, *parts) == b""
    assert time.perf_counter() - started < 2


def test_headers_of_a_later_request_have_a_time_too(client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PatientProtocol, "seconds", 0.2)
    whole = b"GET /v2/health/live HTTP/1.1\r\nHost: localhost\r\n\r\n"
    started = time.perf_counter()
    assert exchange(client, whole, whole[:-2]).count(b"HTTP/1.1 200 OK") == 1
    assert time.perf_counter() - started < 2


def test_forms_and_smuggled_lengths_are_refused(client: httpx.Client) -> None:
    many = {f"file{number}": b"x" for number in range(1_000)}
    refused(client.post(PATH, files=many), 415)
    assert "content-type: application/json" in refused(client.post(PATH, data={"text": "x"}), 415)
    head = f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\n".encode()
    both = head + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    # The server closes: exchange() returns only then.
    assert exchange(client, both).startswith(b"HTTP/1.1 400 ")
    assert exchange(client, head + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello").startswith(b"HTTP/1.1 400 ")
    assert exchange(client, head + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n").startswith(b"HTTP/1.1 400 ")
