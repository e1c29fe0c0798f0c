"""Completions and chat, as the official client and as plain requests see them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import openai
import pytest

from modelyard.core.model import Model
from modelyard.core.predictor import Predictor
from modelyard.core.transform import Row
from modelyard.serve.drift import Reference
from modelyard.serve.fork_server import ForkServer
from modelyard.serve.hosting import Host, Hosted
from modelyard.serve.limits import Limits
from modelyard.serve.metrics import Metrics
from tests.serve.conftest import Gated, Serve, infer_body, until

PROMPT = "are you coming home"
MESSAGES: list[Any] = [{"role": "user", "content": "are you coming home for dinner"}]
CHOSEN: dict[str, Any] = {"max_tokens": 12, "temperature": 0.8, "seed": 5}


@pytest.fixture(scope="module")
def client(chat_client: httpx.Client) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{chat_client.base_url}/v1", api_key="none", max_retries=0) as client:
        yield client


@pytest.fixture(scope="module")
def predictor(generator: Model) -> Iterator[Predictor]:
    with Predictor(generator, threads=1) as predictor:
        yield predictor


def expected(predictor: Predictor, prompt: str, **options: Any) -> Any:
    """The predictor's own answer."""
    return predictor.predict([{"text": prompt}], **options)[0]


def read_events(answer: httpx.Response) -> list[Any]:
    """The values of server-sent events; ``[DONE]`` as text."""
    events = [event.removeprefix("data: ") for event in answer.text.split("\n\n")]
    assert events.pop() == ""
    return [event if event == "[DONE]" else json.loads(event) for event in events]


def test_models_are_listed(client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["chat", "chat:2"]
    assert client.models.retrieve("chat:2").owned_by == "modelyard"
    with pytest.raises(openai.NotFoundError) as caught:
        client.models.retrieve("nobody")
    assert caught.value.code == "model_not_found"


def test_a_completion_is_the_predictors_answer(client: openai.OpenAI, predictor: Predictor) -> None:
    answer = client.completions.create(model="chat", prompt=PROMPT, **CHOSEN)
    wanted = expected(predictor, PROMPT, **CHOSEN)
    (choice,) = answer.choices
    assert (choice.text, choice.finish_reason) == (wanted["text"], wanted["finish_reason"])
    assert answer.model == "chat:2"
    assert answer.usage
    assert 1 <= answer.usage.completion_tokens <= 12
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


def test_a_streamed_completion_is_the_same(client: openai.OpenAI, predictor: Predictor) -> None:
    chunks = list(client.completions.create(model="chat", prompt=PROMPT, stream=True, **CHOSEN))
    assert "".join(chunk.choices[0].text for chunk in chunks) == expected(predictor, PROMPT, **CHOSEN)["text"]
    reasons = [chunk.choices[0].finish_reason for chunk in chunks]
    assert reasons[-1] in ("length", "stop")
    assert not any(reasons[:-1])


def test_a_chat_goes_through_the_models_template(client: openai.OpenAI, predictor: Predictor) -> None:
    prompt = predictor.task.chat_prompt(predictor.processor, MESSAGES)  # type: ignore[attr-defined]
    answer = client.chat.completions.create(model="chat:2", messages=MESSAGES, **CHOSEN)
    (choice,) = answer.choices
    assert choice.message.role == "assistant"
    assert choice.message.content == expected(predictor, prompt, **CHOSEN)["text"]


def test_a_streamed_chat_opens_with_the_role_and_ends_with_the_reason_and_the_usage(
    client: openai.OpenAI, chat_client: httpx.Client
) -> None:
    whole = client.chat.completions.create(model="chat", messages=MESSAGES, **CHOSEN)
    stream = client.chat.completions.create(
        model="chat", messages=MESSAGES, stream=True, stream_options={"include_usage": True}, **CHOSEN
    )
    first, *middle, last, usage = list(stream)
    assert first.choices[0].delta.role == "assistant"
    assert all(chunk.usage is None for chunk in (first, *middle, last))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in middle) == whole.choices[0].message.content
    assert last.choices[0].finish_reason == whole.choices[0].finish_reason
    assert usage.choices == []
    assert usage.usage == whole.usage

    body = {"model": "chat", "messages": MESSAGES, "stream": True, **CHOSEN}
    answer = chat_client.post("/v1/chat/completions", json=body)
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["x-modelyard-version"] == "chat:2"
    events = read_events(answer)
    assert events[-1] == "[DONE]"
    assert len({event["id"] for event in events[:-1]}) == 1
    assert not any("usage" in event for event in events[:-1])


def test_several_answers_differ_and_come_back_by_index(client: openai.OpenAI, predictor: Predictor) -> None:
    prompts = [PROMPT, "call this number"]
    chosen = {**CHOSEN, "temperature": 1.5}
    answer = client.completions.create(model="chat", prompt=prompts, n=2, **chosen)
    assert [choice.index for choice in answer.choices] == [0, 1, 2, 3]
    assert len({choice.text for choice in answer.choices}) == 4
    assert answer.choices[0].text == expected(predictor, PROMPT, **chosen)["text"]
    assert answer.choices[3].text == expected(predictor, prompts[1], **{**chosen, "seed": 8})["text"]
    single = [client.completions.create(model="chat", prompt=prompt, **chosen) for prompt in prompts]
    assert answer.usage
    assert answer.usage.prompt_tokens == sum(item.usage.prompt_tokens for item in single if item.usage)
    chunks = list(client.completions.create(model="chat", prompt=prompts, n=2, stream=True, **chosen))
    for choice in answer.choices:
        pieces = [chunk.choices[0].text for chunk in chunks if chunk.choices[0].index == choice.index]
        assert "".join(pieces) == choice.text


def test_a_stop_string_ends_the_answer_and_is_left_out(client: openai.OpenAI) -> None:
    whole = client.completions.create(model="chat", prompt=PROMPT, **CHOSEN).choices[0].text
    stop = whole[len(whole) // 2 :][:2]
    assert len(stop) == 2
    choice = client.completions.create(model="chat", prompt=PROMPT, stop=stop, **CHOSEN).choices[0]
    assert choice.finish_reason == "stop"
    assert choice.text == whole[: whole.index(stop)]


def test_without_a_seed_answers_differ(client: openai.OpenAI) -> None:
    texts = {
        client.completions.create(model="chat", prompt=PROMPT, max_tokens=12, temperature=1.5).choices[0].text
        for _ in range(3)
    }
    assert len(texts) > 1


def test_errors_have_openais_form(client: openai.OpenAI, chat_client: httpx.Client) -> None:
    with pytest.raises(openai.NotFoundError, match="no model 'nobody'; expected: one of: chat:2"):
        client.completions.create(model="nobody", prompt="x")
    with pytest.raises(openai.BadRequestError, match="logit_bias"):
        client.completions.create(model="chat", prompt="x", logit_bias={"5": 3})
    with pytest.raises(openai.UnprocessableEntityError, match="max_tokens"):
        client.completions.create(model="chat", prompt="x", max_tokens=10**12)
    answer = chat_client.post("/v1/completions", content=b'{"model": "chat", "model": "x"}')
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "invalid_json"
    assert answer.json()["error"]["type"] == "invalid_request_error"


def test_a_classifier_does_not_chat(serve: Serve, opened: ForkServer) -> None:
    with serve(Hosted("sms", "1", opened)) as client:
        answer = client.post("/v1/completions", json={"model": "sms", "prompt": "x"})
    assert answer.status_code == 400
    assert "/v2/models/sms/infer" in answer.json()["error"]["message"]


def test_the_inference_protocol_generates_too(chat_client: httpx.Client, predictor: Predictor) -> None:
    answer = chat_client.post("/v2/models/chat/infer", json=infer_body(PROMPT, **CHOSEN)).json()
    outputs = {item["name"]: item["data"] for item in answer["outputs"]}
    wanted = expected(predictor, PROMPT, **CHOSEN)
    assert outputs["text"] == [wanted["text"]]
    assert outputs["finish_reason"] == [wanted["finish_reason"]]
    described = {item["name"] for item in chat_client.get("/v2/models/chat").json()["outputs"]}
    assert described == set(outputs)
    for wrong in ({"max_tokens": 10**12}, {"sequences": 2}, {"temperature": "hot"}):
        assert chat_client.post("/v2/models/chat/infer", json=infer_body("x", **wrong)).status_code == 422


def test_tokens_are_counted(chat_client: httpx.Client, client: openai.OpenAI) -> None:
    def count(kind: str) -> float:
        start = f'modelyard_tokens_total{{kind="{kind}",model="chat",version="2"}} '
        lines = [line for line in chat_client.get("/metrics").text.splitlines() if line.startswith(start)]
        return float(lines[0].removeprefix(start)) if lines else 0.0

    before = count("prompt"), count("completion")
    usage = client.completions.create(model="chat", prompt=PROMPT, **CHOSEN).usage
    assert usage
    assert (count("prompt") - before[0], count("completion") - before[1]) == (
        usage.prompt_tokens,
        usage.completion_tokens,
    )


@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_goes_away_ends_the_generation(serve: Serve, gated_generator: Gated, *, stream: bool) -> None:
    source, gate = gated_generator
    body = {"model": "chat", "prompt": PROMPT, "stream": stream, "max_tokens": 100, "temperature": 0, "seed": 0}
    with serve(Hosted("chat", "1", source)) as client, ThreadPoolExecutor(1) as pool:
        url = str(client.base_url.join("/v1/completions"))
        if stream:
            gate.open(3)
            with httpx.stream("POST", url, json=body) as answer:
                next(answer.iter_raw())
        else:
            with pytest.raises(httpx.ReadTimeout):
                httpx.post(url, json=body, timeout=0.3)
        until(lambda: "modelyard_requests_in_flight 1.0" in client.get("/metrics").text)
        steps = len(gate.batches)
        # The model goes on by the one step that it is in, then it is free for the next caller.
        following = pool.submit(client.post, "/v1/completions", json={**body, "stream": False, "max_tokens": 1})
        gate.open(8)
        assert following.result().status_code == 200
    assert len(gate.batches) <= steps + 8


def test_a_generation_that_takes_too_long_is_told(serve: Serve, gated_generator: Gated) -> None:
    source, gate = gated_generator
    body = {"model": "chat", "prompt": PROMPT, "max_tokens": 100, "temperature": 0}
    with serve(Hosted("chat", "1", source), limits=Limits(generate_seconds=1)) as client:
        answer = client.post("/v1/completions", json=body)
        assert answer.status_code == 504
        error = answer.json()["error"]
        assert (error["type"], error["code"]) == ("server_error", "timeout")
        assert error["message"].startswith("no answer within 1 s")
        # Enough steps for some whole characters, not for the answer.
        gate.open(20)
        events = read_events(client.post("/v1/completions", json={**body, "stream": True}))
        assert events[0]["choices"]
        assert events[-1]["error"]["code"] == "timeout"
        gate.open()


def test_what_is_asked_here_is_watched(serve: Serve, opened_generator: ForkServer) -> None:
    saw = list[str]()

    async def companion(host: Host, metrics: Metrics) -> None:
        def look(rows: Sequence[Row]) -> list[dict[str, Any]]:
            saw.extend(row["text"] for row in rows)
            return [{"text.length": 1.0} for _ in rows]

        window = host.find("chat").window
        window.begin(Reference.of([{"text.length": 1.0}]), look)
        try:
            await asyncio.Event().wait()
        finally:
            window.look()

    body: dict[str, Any] = {"model": "chat", "max_tokens": 2}
    with serve(Hosted("chat", "2", opened_generator), companion=companion) as client:
        client.post("/v1/completions", json={**body, "prompt": ["are you", "coming"], "n": 2})
        client.post("/v1/chat/completions", json={**body, "messages": MESSAGES, "stream": True})
        assert client.post("/v1/completions", json={**body, "prompt": "x", "max_tokens": -1}).status_code == 422
    assert saw == ["are you", "coming", "are you coming home for dinner"]
