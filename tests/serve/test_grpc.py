"""gRPC: Triton's own client is answered as over HTTP; keys, deadlines, limits and cancelling mean the same."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import grpc
import httpx
import numpy as np
import pytest
import tritonclient.grpc as triton
from tritonclient.grpc import service_pb2

from modelyard.core.access import Key, Role, hash_token, new_token
from modelyard.core.errors import MissingExtraError
from modelyard.serve.fork_server import ForkServer
from modelyard.serve.grpc_messages import METHODS, PACKAGE, SERVICE, message
from modelyard.serve.grpc_server import GrpcServer
from modelyard.serve.hosting import Hosted
from modelyard.serve.keyring import Keyring
from modelyard.serve.limits import Limits
from modelyard.testing.tiny import TEXTS
from tests.serve.conftest import Gated, Serve, infer_body, until
from tests.serve.test_inference import PATH


def connect(servers: list[GrpcServer]) -> grpc.Channel:
    until(lambda: servers[0].port > 0)
    return grpc.insecure_channel(f"127.0.0.1:{servers[0].port}")


def call(channel: grpc.Channel, name: str, request: Any, **how: Any) -> Any:
    how.setdefault("timeout", 20)
    method = channel.unary_unary(
        f"/{SERVICE}/{name}",
        request_serializer=lambda item: item.SerializeToString(),
        response_deserializer=message(f"{name}Response").FromString,
    )
    return method(request, wait_for_ready=True, **how)


def typed(*texts: str, model: str = "sms") -> Any:
    request = message("ModelInferRequest")(model_name=model, id="seven")
    tensor = request.inputs.add(name="text", datatype="BYTES", shape=[len(texts)])
    tensor.contents.bytes_contents.extend(text.encode() for text in texts)
    return request


def code_of(channel: grpc.Channel, request: Any, name: str = "ModelInfer", **how: Any) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.RpcError) as raised:
        call(channel, name, request, **how)
    return raised.value.code(), raised.value.details()


@pytest.fixture(scope="module")
def both(serve: Serve, opened: ForkServer) -> Iterator[tuple[grpc.Channel, httpx.Client, str]]:
    """A channel, a client over HTTP, and the address of the first."""
    servers: list[GrpcServer] = []
    limits = Limits(body_bytes=100_000, text_characters=1000)
    with serve(Hosted("sms", "1", opened), grpc=servers, limits=limits) as client, connect(servers) as channel:
        yield channel, client, f"127.0.0.1:{servers[0].port}"


def described(descriptor: Any) -> dict[str, tuple[int, int, bool, str]]:
    fields = {
        item.name: (item.number, item.type, item.is_repeated, item.message_type.full_name if item.message_type else "")
        for item in descriptor.fields
    }
    return fields


def test_the_messages_are_those_of_the_specification() -> None:
    for name in (
        "ModelInferRequest",
        "ModelInferResponse",
        "InferParameter",
        "InferTensorContents",
        "ModelReadyRequest",
    ):
        assert described(message(name).DESCRIPTOR) == described(getattr(service_pb2, name).DESCRIPTOR)
    for method in METHODS:
        for end in ("Request", "Response"):
            ours, theirs = message(method + end), getattr(service_pb2, method + end)
            assert described(ours.DESCRIPTOR) == described(theirs.DESCRIPTOR)
            for nested in ours.DESCRIPTOR.nested_types:
                other = theirs.DESCRIPTOR.nested_types_by_name[nested.name]
                assert described(nested) == described(other)
                assert nested.GetOptions().map_entry == other.GetOptions().map_entry
    assert message("InferParameter").DESCRIPTOR.full_name == f"{PACKAGE}.InferParameter"


def test_tritons_client_is_answered_as_over_http(both: tuple[grpc.Channel, httpx.Client, str]) -> None:
    _, http, address = both
    expected = {item["name"]: item["data"] for item in http.post(PATH, json=infer_body(*TEXTS)).json()["outputs"]}
    with triton.InferenceServerClient(address) as client:
        assert client.is_server_live()
        assert client.is_server_ready()
        assert client.is_model_ready("sms")
        assert client.get_server_metadata().name == "modelyard"
        about = client.get_model_metadata("sms", "1")
        assert [(item.name, item.datatype, list(item.shape)) for item in about.inputs] == [("text", "BYTES", [-1])]
        assert [item.name for item in about.outputs] == ["label", "score", "scores"]
        texts = triton.InferInput("text", [len(TEXTS)], "BYTES")
        texts.set_data_from_numpy(np.array([text.encode() for text in TEXTS], dtype=object))
        answer = client.infer("sms", [texts], request_id="a")
        assert answer.as_numpy("label").tolist() == [label.encode() for label in expected["label"]]
        assert answer.as_numpy("score") == pytest.approx(np.array(expected["score"]), abs=1e-6)
        assert answer.as_numpy("scores").ravel() == pytest.approx(np.array(expected["scores"]), abs=1e-6)
        assert (answer.get_response().id, answer.get_response().model_version) == ("a", "1")
        only = client.infer("sms", [texts], outputs=[triton.InferRequestedOutput("label")])
        assert [item.name for item in only.get_response().outputs] == ["label"]


def test_typed_contents_are_answered_typed(both: tuple[grpc.Channel, httpx.Client, str]) -> None:
    channel, http, _ = both
    headers = {"metadata": (("x-request-id", "mine"), ("x-modelyard-canary", "never"))}
    answer = call(channel, "ModelInfer", typed(*TEXTS), **headers)
    expected = http.post(PATH, json=infer_body(*TEXTS)).json()["outputs"]
    label, score, scores = answer.outputs
    assert [item.decode() for item in label.contents.bytes_contents] == expected[0]["data"]
    assert list(score.contents.fp64_contents) == pytest.approx(expected[1]["data"], abs=1e-6)
    assert list(scores.shape) == [len(TEXTS), 2]
    assert (answer.id, len(answer.raw_output_contents)) == ("seven", 0)


def test_what_is_wrong_is_told_by_its_code(both: tuple[grpc.Channel, httpx.Client, str]) -> None:
    channel, _, _ = both
    code = grpc.StatusCode
    assert code_of(channel, typed("a", model="none"))[0] is code.NOT_FOUND
    assert code_of(channel, typed("a", model="sms/versions/1"))[0] is code.NOT_FOUND
    assert code_of(channel, typed("a", model="../v2"))[0] is code.NOT_FOUND
    metadata = message("ModelMetadataRequest")(name="sms/drift")
    assert code_of(channel, metadata, "ModelMetadata")[0] is code.NOT_FOUND
    assert code_of(channel, typed("x" * 2000))[0] is code.RESOURCE_EXHAUSTED
    assert code_of(channel, typed("x" * 300_000))[0] is code.RESOURCE_EXHAUSTED
    wrong = typed("a")
    wrong.inputs[0].contents.int_contents.append(3)
    assert code_of(channel, wrong) == (
        code.INVALID_ARGUMENT,
        "text: contents in int_contents, bytes_contents; expected: bytes_contents, for BYTES",
    )
    twice = typed("a")
    twice.raw_input_contents.append(b"a")
    assert "both raw_input_contents and contents" in code_of(channel, twice)[1]
    bad = typed("a")
    del bad.inputs[0].contents.bytes_contents[:]
    bad.inputs[0].contents.bytes_contents.append(b"\xff")
    assert "not valid UTF-8" in code_of(channel, bad)[1]
    assert code_of(channel, typed("a"), metadata=(("x-modelyard-priority", "mine"),))[0] is code.INVALID_ARGUMENT
    half = typed("a")
    half.inputs[0].datatype = "FP16"
    assert "FP16" in code_of(channel, half)[1]


def test_a_key_is_shown_as_metadata(serve: Serve, opened: ForkServer) -> None:
    number, token = new_token()
    key = Key(number, "", Role.PREDICT, ("sms",), None, datetime.now(UTC), None, None, hash_token(token))
    servers: list[GrpcServer] = []
    ring = Keyring(lambda: [key], local=True)
    with (
        serve(Hosted("sms", "1", opened), Hosted("other", "1", opened), grpc=servers, keyring=ring),
        connect(servers) as channel,
    ):
        shown: dict[str, Any] = {"metadata": (("authorization", f"Bearer {token}"),)}
        assert call(channel, "ServerLive", message("ServerLiveRequest")()).live
        assert code_of(channel, typed("a"))[0] is grpc.StatusCode.UNAUTHENTICATED
        assert code_of(channel, typed("a", model="other"), **shown)[0] is grpc.StatusCode.PERMISSION_DENIED
        assert call(channel, "ModelInfer", typed("a"), **shown).model_name == "sms"


def test_a_deadline_and_a_caller_that_goes_away_withdraw_what_waits(serve: Serve, gated: Gated) -> None:
    source, gate = gated
    servers: list[GrpcServer] = []
    with serve(Hosted("sms", "1", source), grpc=servers) as client, connect(servers) as channel:
        method = channel.unary_unary(
            f"/{SERVICE}/ModelInfer",
            request_serializer=lambda item: item.SerializeToString(),
            response_deserializer=message("ModelInferResponse").FromString,
        )
        running = method.future(typed("first"), timeout=60)
        gate.wait_until_running()
        assert code_of(channel, typed("late"), timeout=0.05)[0] is grpc.StatusCode.DEADLINE_EXCEEDED
        left = [method.future(typed(f"row {number}"), timeout=60) for number in range(8)]
        waiting = 'modelyard_queue_rows{model="sms",version="1"} '

        def shown() -> float:
            return float(client.get("/metrics").text.split(waiting)[1].split("\n")[0])

        until(lambda: shown() >= 6)
        for item in left:
            item.cancel()
        until(lambda: shown() == 0)
        gate.open()
        assert running.result().model_name == "sms"


def test_without_the_extra_the_remedy_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    async def nothing(*_: Any) -> None:
        return

    monkeypatch.setitem(sys.modules, "grpc", None)
    with pytest.raises(MissingExtraError) as raised:
        GrpcServer(nothing, "127.0.0.1", 0, Limits())
    assert raised.value.fix == "pip install 'modelyard[grpc]'"
