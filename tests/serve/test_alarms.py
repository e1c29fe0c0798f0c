"""Alarms: they begin and end when they should, and what is told of them arrives, signed, at a real server."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from modelyard.cli.main import main
from modelyard.core.errors import InputError
from modelyard.core.report import Measure
from modelyard.core.requirement import Verdict
from modelyard.serve import webhook
from modelyard.serve.alarm_bell import Bell
from modelyard.serve.alarm_messages import message
from modelyard.serve.alarms import Alarm, Alarms
from modelyard.serve.findings import Finding
from modelyard.serve.following import open_version
from modelyard.serve.live import Live
from modelyard.serve.watching import Watching
from modelyard.serve.webhook import SIGNATURE, Webhook, read_secret, sign
from modelyard.yard.yard import Yard
from tests.serve.conftest import PATIENCE, Serve, until
from tests.serve.releases import NAME, Maker, ask

SECRET = b"0123456789abcdef"
MET, NOT_MET, UNCLEAR = Verdict.MET, Verdict.NOT_MET, Verdict.INCONCLUSIVE


def finding(verdict: Verdict, version: str = "3") -> Finding:
    found = Measure(31.5, 28.0, 40.0, 120, "ms")
    return Finding("ModelyardLatencyP95", "page", "sms", version, "latency_p95_ms", "<= 15", found, verdict, 300.0)


class Receiver:
    """A server that keeps what it is sent and answers with the statuses that it is given, then with 200."""

    def __init__(self, *statuses: int) -> None:
        self.got: list[tuple[dict[str, str], bytes]] = []
        left, got, self.let = list(statuses), self.got, threading.Event()
        self.let.set()
        let = self.let

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                let.wait(PATIENCE)
                body = self.rfile.read(int(self.headers["content-length"]))
                got.append(({name.lower(): value for name, value in self.headers.items()}, body))
                self.send_response(left.pop(0) if left else 200)
                self.send_header("location", "/elsewhere")
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/hook"

    def close(self) -> None:
        self.let.set()
        self._server.shutdown()
        self._server.server_close()


def logged(capfd: pytest.CaptureFixture[str], action: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines() if line.startswith("{")]
    return [line for line in lines if line["event.action"] == action]


@pytest.fixture
def receive() -> Iterator[Callable[..., Receiver]]:
    made: list[Receiver] = []

    def make(*statuses: int) -> Receiver:
        made.append(Receiver(*statuses))
        return made[-1]

    yield make
    for receiver in made:
        receiver.close()


def test_an_alarm_begins_when_something_is_wrong_for_a_while_and_ends_when_it_is_surely_right() -> None:
    alarms = Alarms(lasts=60, repeat=1000)
    told = [
        [(alarm.firing, alarm.started, alarm.ended) for alarm in alarms.look([finding(verdict)], now)]
        for verdict, now in (
            (NOT_MET, 0),
            (UNCLEAR, 30),
            (NOT_MET, 50),
            (NOT_MET, 100),
            (NOT_MET, 110),
            (UNCLEAR, 500),
            (NOT_MET, 1110),
            (NOT_MET, 1200),
            (MET, 1300),
            (MET, 1400),
        )
    ]
    begun, again, over = [(True, 50, None)], [(True, 50, None)], [(False, 50, 1300)]
    assert told == [[], [], [], [], begun, [], again, [], over, []]
    assert alarms.firing == []


def test_what_was_wrong_with_a_version_that_is_gone_is_over() -> None:
    alarms = Alarms(lasts=0)
    alarms.look([finding(NOT_MET), finding(NOT_MET, "4")], 10)
    assert [(item.finding.version, item.ended) for item in alarms.forget("sms", "3", 20)] == [("3", 20)]
    assert [item.finding.version for item in alarms.firing] == ["4"]
    assert alarms.forget("sms", "3", 30) == []


def test_traffic_of_the_last_minutes_outlives_the_steps_of_a_rollout() -> None:
    now = [0.0]
    live = Live(lambda: now[0])
    for seconds, failed in ((0.1, False), (0.2, True)):
        live.saw(seconds, failed=failed)
    live.begin_anew()
    assert (live.seconds, live.failures) == ([], (0, 0))
    now[0] = 100.0
    live.saw(0.3, failed=False)
    assert (live.seconds, live.failures, live.total) == ([0.3], (0, 1), 3)
    assert live.lately(100.0).failures == (1, 3)
    assert live.lately(99.0) == live.lately(1.0)
    assert live.lately(99.0).seconds == [0.3]
    now[0] = 160.0
    assert live.silence == 60.0


def test_the_message_is_what_receivers_of_alertmanager_know() -> None:
    sent = message(Alarm(finding(NOT_MET), 0.0), "http://here")
    alert = sent["alerts"][0]
    assert (sent["version"], sent["status"], sent["receiver"]) == ("4", "firing", "modelyard")
    assert sent["commonLabels"] == {
        "alertname": "ModelyardLatencyP95",
        "severity": "page",
        "model": "sms",
        "version": "3",
        "measure": "latency_p95_ms",
    }
    assert (alert["startsAt"], alert["endsAt"]) == ("1970-01-01T00:00:00.000Z", "0001-01-01T00:00:00Z")
    assert alert["annotations"]["summary"] == "sms:3: latency_p95_ms is 31.5 ms, required <= 15"
    assert alert["modelyard"] == {
        "measure": "latency_p95_ms",
        "bound": "<= 15",
        "value": 31.5,
        "low": 28.0,
        "high": 40.0,
        "n": 120,
        "unit": "ms",
        "window_seconds": 300.0,
    }
    over = message(Alarm(finding(MET), 0.0, 61.5))
    assert (over["status"], over["alerts"][0]["endsAt"]) == ("resolved", "1970-01-01T00:01:01.500Z")
    assert over["alerts"][0]["fingerprint"] == alert["fingerprint"]
    other = message(Alarm(finding(NOT_MET, "4"), 0.0))
    assert other["alerts"][0]["fingerprint"] != alert["fingerprint"]


def test_a_message_is_signed_and_sent_again_until_it_arrives(receive: Callable[..., Receiver]) -> None:
    receiver, outcomes = receive(503, 429, 500), list[str]()
    hook = Webhook(receiver.url, secret=SECRET, count=outcomes.append, first_pause=0.001)
    hook.send({"number": 1})
    hook.send({"number": 2})
    until(lambda: outcomes == ["sent", "sent"])
    hook.close()
    assert [json.loads(body)["number"] for _, body in receiver.got] == [1, 1, 1, 1, 2]
    headers, body = receiver.got[-1]
    stamp, _, code = headers[SIGNATURE].partition(",v1=")
    expected = hmac.new(SECRET, stamp.removeprefix("t=").encode() + b"." + body, hashlib.sha256)
    assert hmac.compare_digest(code, expected.hexdigest())
    assert headers["content-type"] == "application/json"


def test_the_signature_is_that_of_the_time_and_the_body() -> None:
    # Made with: printf '1700000000.{}' | openssl dgst -sha256 -hmac 0123456789abcdef
    expected = "t=1700000000,v1=e4f8e2ecae2295b2ddb2f0b5584c8275e226c0ebe9b3b819e70156bb67122e3e"
    assert sign(SECRET, b"{}", 1700000000) == expected


def test_a_refused_message_is_not_repeated_and_no_redirect_is_followed(
    receive: Callable[..., Receiver], capfd: pytest.CaptureFixture[str]
) -> None:
    receiver, outcomes = receive(400, 302), list[str]()
    hook = Webhook(receiver.url + "?token=hidden", count=outcomes.append, first_pause=0.001)
    for number in range(3):
        hook.send({"number": number})
    until(lambda: len(outcomes) == 3)
    hook.close()
    assert outcomes == ["failed", "failed", "sent"]
    assert len(receiver.got) == 3
    assert SIGNATURE not in receiver.got[0][0]
    lines = logged(capfd, "webhook")
    assert [line["error.message"] for line in lines] == ["status 400", "status 302"]
    assert "hidden" not in json.dumps(lines)


def test_too_many_messages_push_out_the_oldest_and_nobody_waits(
    receive: Callable[..., Receiver], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook, "WAITING", 2)
    receiver, outcomes = receive(), list[str]()
    receiver.let.clear()
    hook = Webhook(receiver.url, count=outcomes.append)
    for number in range(6):
        hook.send({"number": number})
    assert outcomes.count("dropped") >= 3
    receiver.let.set()
    hook.close()
    assert [json.loads(body)["number"] for _, body in receiver.got][-2:] == [4, 5]
    assert outcomes.count("dropped") + outcomes.count("sent") == 6


def test_a_server_that_goes_down_waits_for_no_pause(receive: Callable[..., Receiver]) -> None:
    receiver, outcomes = receive(503), list[str]()
    hook = Webhook(receiver.url, count=outcomes.append, first_pause=1e6)
    hook.send({})
    until(lambda: len(receiver.got) == 1)
    hook.close()
    assert outcomes == ["failed"]


def test_a_server_tells_of_promises_that_it_does_not_keep(
    tmp_path: Path, serve: Serve, receive: Callable[..., Receiver], capfd: pytest.CaptureFixture[str]
) -> None:
    receiver = receive()
    (tmp_path / "work").mkdir()
    maker = Maker(Yard(tmp_path / "yard"), tmp_path / "work")
    hook = f"serve: {{alarms: {{webhook: '{receiver.url}'}}}}"
    number = maker.good(0.1, "modelyard: 1\nrequire: {latency_p50_ms: '<= 0.001'}\n" + hook)
    hosted = open_version(maker.yard, maker.yard.resolve(f"{NAME}:{number}"), workers=1, memory_limit=None)
    watching = Watching(maker.yard, seconds=0.02, bell=Bell(secret=SECRET), lasts=0.02)
    with hosted.source, serve(hosted, companion=watching.run) as client:
        for _ in range(30):
            ask(client)
        until(lambda: bool(receiver.got))
        line = f'modelyard_alarm{{alert="ModelyardLatencyP50",model="{NAME}",version="{number}"}} 1.0'
        assert line in client.get("/metrics").text
        until(lambda: 'modelyard_alarm_messages_total{outcome="sent"} 1.0' in client.get("/metrics").text)
        assert main(["watch", NAME, "--url", str(client.base_url)]) == 1
    shown = capfd.readouterr()
    assert "latency_p50_ms" in shown.out
    assert "required <= 0.001 (95% sure): not met" in shown.out
    assert shown.err.count('"event.action":"alarm"') == 1
    headers, body = receiver.got[0]
    sent = json.loads(body)
    assert headers[SIGNATURE]
    assert sent["commonLabels"]["alertname"] == "ModelyardLatencyP50"
    told = sent["alerts"][0]["modelyard"]
    assert told["bound"] == "<= 0.001 (95% sure)"
    assert 0.001 < told["low"] <= told["value"] <= told["high"]
    assert told["n"] >= 6


def test_what_is_not_safe_or_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not asked"):
        Webhook("http://example.org/hook")
    Webhook("http://192.0.2.1/hook", plain=True).close()
    (tmp_path / "secret").write_text("short\n")
    with pytest.raises(InputError, match="5 bytes"):
        read_secret(tmp_path / "secret")
    with pytest.raises(InputError, match="No such file"):
        read_secret(tmp_path / "none")
    (tmp_path / "secret").write_text("0123456789abcdef\n")
    assert read_secret(tmp_path / "secret") == SECRET
