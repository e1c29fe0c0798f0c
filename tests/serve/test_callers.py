"""Who is one caller, and what a caller may say about urgency and time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import httpx
import pytest
from starlette.requests import Request

from modelyard.core.access import LOCAL, Key
from modelyard.serve.callers import caller_of, seconds_given
from modelyard.serve.exchange import Exchange
from modelyard.serve.hosting import Hosted
from modelyard.serve.limits import Limits
from modelyard.serve.refusals import RefusalError
from tests.serve.conftest import Gated, Serve, infer_body, until

PATH = "/v2/models/sms/infer"


def make_request(address: str = "127.0.0.1", key: Key = LOCAL, **headers: str) -> Request:
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    exchange = Exchange("request", key=key)
    return Request({"type": "http", "headers": raw, "client": (address, 5), "modelyard.exchange": exchange})


def test_a_caller_is_a_key_or_an_address() -> None:
    assert caller_of(make_request("127.0.0.1")) == caller_of(make_request("127.0.0.1"))
    assert caller_of(make_request("127.0.0.1")) != caller_of(make_request("127.0.0.2"))
    first, second = (caller_of(make_request(authorization=f"Bearer {key}")) for key in ("one", "two"))
    assert first != second
    assert first == caller_of(make_request("127.0.0.2", authorization="Bearer one"))
    assert "one" not in first.name
    mine, yours = (replace(LOCAL, id=number) for number in ("0" * 12, "1" * 12))
    assert caller_of(make_request(key=mine)) == caller_of(make_request("127.0.0.2", key=mine, authorization="Bearer x"))
    assert caller_of(make_request(key=mine)) != caller_of(make_request(key=yours))


def test_urgent_work_has_more_weight() -> None:
    weights = [caller_of(make_request(x_modelyard_priority=name)).weight for name in ("interactive", "normal", "batch")]
    assert weights == sorted(weights, reverse=True)
    assert weights == [caller_of(make_request(), number).weight for number in (1, 2, 3)]
    assert caller_of(make_request(x_modelyard_priority="batch"), 0).weight == weights[2]


@pytest.mark.parametrize("priority", [4, -1, 1.0, True, "1", None, [1], 10**30])
def test_an_unknown_priority_is_refused(priority: object) -> None:
    with pytest.raises(RefusalError, match="interactive") as caught:
        caller_of(make_request(), priority)
    assert caught.value.status == 422
    with pytest.raises(RefusalError, match="interactive"):
        caller_of(make_request(x_modelyard_priority="urgent"))


def test_a_client_may_wait_less_than_the_server_and_not_more() -> None:
    assert seconds_given(make_request(), 30) == 30
    assert seconds_given(make_request(x_modelyard_timeout="0.5"), 30) == 0.5
    assert seconds_given(make_request(x_modelyard_timeout="1e9"), 30) == 30


@pytest.mark.parametrize("text", ["0", "-1", "nan", "", "soon", "1" * 50, "1 s"])
def test_no_number_of_seconds_is_refused(text: str) -> None:
    with pytest.raises(RefusalError, match="seconds, more than 0"):
        seconds_given(make_request(x_modelyard_timeout=text), 30)


def test_the_server_reads_them(serve: Serve, gated: Gated) -> None:
    source, gate = gated
    with serve(Hosted("sms", "1", source)) as client, ThreadPoolExecutor(1) as pool:
        first = pool.submit(client.post, PATH, json=infer_body("first"))
        gate.wait_until_running()
        late = client.post(PATH, json=infer_body("late"), headers={"x-modelyard-timeout": "0.01"})
        assert (late.status_code, "0.01 s" in late.json()["error"]) == (504, True)
        assert client.post(PATH, json=infer_body("x"), headers={"x-modelyard-priority": "x"}).status_code == 422
        assert client.post(PATH, json=infer_body("x", priority=9)).status_code == 422
        gate.open()
        assert first.result().status_code == 200
        assert client.post(PATH, json=infer_body("x", priority=1)).status_code == 200


def test_one_caller_leaves_room_for_another_and_is_told_at_once(serve: Serve, gated: Gated) -> None:
    source, gate = gated
    flood, quiet = ({"authorization": name} for name in ("flood", "quiet"))
    with serve(Hosted("sms", "1", source), limits=Limits(queue_rows=20)) as client, ThreadPoolExecutor(3) as pool:

        def ask(rows: int, headers: dict[str, str]) -> httpx.Response:
            return client.post(PATH, json=infer_body(*["text"] * rows), headers=headers)

        answers = [pool.submit(ask, 1, flood)]
        gate.wait_until_running()
        answers.append(pool.submit(ask, 9, flood))
        until(lambda: 'modelyard_queue_rows{model="sms",version="1"} 9.0' in client.get("/metrics").text)
        refused = ask(2, flood)
        assert refused.status_code == 429
        assert int(refused.headers["retry-after"]) >= 1
        assert min(ask(2, flood).elapsed.total_seconds() for _ in range(5)) < 0.05
        answers.append(pool.submit(ask, 5, quiet))
        until(lambda: 'modelyard_queue_rows{model="sms",version="1"} 14.0' in client.get("/metrics").text)
        gate.open()
        assert [answer.result().status_code for answer in answers] == [200] * 3
