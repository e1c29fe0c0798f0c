"""The Open Inference Protocol, as plain requests and as Triton's own client sends them."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

from modelyard.core.artifact import MANIFEST
from modelyard.core.model import Model
from modelyard.core.predictor import Predictor
from modelyard.core.transform import TransformSpec
from modelyard.methods.personal_data import mask as mask_texts
from modelyard.serve.fork_server import ForkServer
from modelyard.serve.hosting import Hosted
from modelyard.serve.limits import Limits
from modelyard.testing.tiny import TEXTS
from tests.serve.conftest import Gated, Serve, infer_body, until

PATH = "/v2/models/sms/infer"


@pytest.fixture
def triton_client(client: httpx.Client) -> triton.InferenceServerClient:
    return triton.InferenceServerClient(f"{client.base_url.host}:{client.base_url.port}")


def as_columns(predictions: list[Any]) -> tuple[list[str], list[float], list[list[float]]]:
    return (
        [item["label"] for item in predictions],
        [item["score"] for item in predictions],
        [list(item["scores"].values()) for item in predictions],
    )


def test_answers_equal_the_predictor(client: httpx.Client, classifier: Model) -> None:
    with Predictor(classifier, threads=1) as predictor:
        labels, score, scores = as_columns(predictor.predict([{"text": text} for text in TEXTS]))
    answer = client.post(PATH, json=infer_body(*TEXTS) | {"id": "seven"}).json()
    assert (answer["model_name"], answer["model_version"], answer["id"]) == ("sms", "1", "seven")
    outputs = {item["name"]: item for item in answer["outputs"]}
    assert outputs["label"] == {"name": "label", "datatype": "BYTES", "shape": [6], "data": labels}
    assert outputs["score"]["datatype"] == outputs["scores"]["datatype"] == "FP64"
    assert outputs["score"]["data"] == pytest.approx(score, abs=1e-6)
    assert outputs["scores"]["shape"] == [6, 2]
    assert np.reshape(outputs["scores"]["data"], (6, 2)) == pytest.approx(np.array(scores), abs=1e-6)


def test_the_models_transforms_run_before_it(
    serve: Serve, opened: ForkServer, classifier: Model, tmp_path: Path
) -> None:
    shutil.copytree(classifier.path, tmp_path / "model", ignore=shutil.ignore_patterns(MANIFEST))
    mask = TransformSpec("mask", {"kinds": ["email"], "roles": ["text"]})
    masking = classifier.rewrite(tmp_path / "model", parents=[classifier], transforms=[mask])
    private, marked = "write to jane@example.org now", mask_texts("write to jane@example.org now", frozenset({"email"}))
    assert private != marked
    with ForkServer(masking) as source, serve(Hosted("raw", "1", opened), Hosted("sms", "1", source)) as client:

        def score(name: str, text: str) -> float:
            answer = client.post(f"/v2/models/{name}/infer", json=infer_body(text)).json()
            return float(answer["outputs"][1]["data"][0])

        assert score("sms", private) == pytest.approx(score("raw", marked), abs=1e-6)
        assert score("sms", private) != pytest.approx(score("raw", private), abs=1e-6)


@pytest.mark.parametrize("binary", [True, False])
def test_triton_client_infers(triton_client: triton.InferenceServerClient, classifier: Model, *, binary: bool) -> None:
    with Predictor(classifier, threads=1) as predictor:
        labels, score, scores = as_columns(predictor.predict([{"text": text} for text in [*TEXTS, "né à Zürich 😀"]]))
    texts = np.array([text.encode() for text in [*TEXTS, "né à Zürich 😀"]], dtype=object)
    tensor = triton.InferInput("text", [7], "BYTES")
    tensor.set_data_from_numpy(texts, binary_data=binary)
    wanted = [triton.InferRequestedOutput(name, binary_data=binary) for name in ("scores", "label", "score")]
    for outputs in (None, wanted):
        result = triton_client.infer("sms", [tensor], model_version="1", outputs=outputs, request_id="9")
        assert result.get_response()["id"] == "9"
        # Text comes as bytes in binary and as str in JSON.
        named = [value if isinstance(value, str) else value.decode() for value in result.as_numpy("label")]
        assert named == labels
        assert list(result.as_numpy("score")) == pytest.approx(score, abs=1e-6)
        assert result.as_numpy("scores") == pytest.approx(np.array(scores), abs=1e-6)


def test_triton_client_reads_health_and_metadata(triton_client: triton.InferenceServerClient) -> None:
    assert triton_client.is_server_live()
    assert triton_client.is_server_ready()
    assert triton_client.is_model_ready("sms")
    assert triton_client.is_model_ready("sms", "1")
    assert not triton_client.is_model_ready("sms", "2")
    assert triton_client.get_server_metadata()["name"] == "modelyard"
    assert triton_client.get_model_repository_index() == [{"name": "sms", "version": "1", "state": "READY"}]
    metadata = triton_client.get_model_metadata("sms")
    assert metadata == triton_client.get_model_metadata("sms", "1")
    assert metadata["inputs"] == [{"name": "text", "datatype": "BYTES", "shape": [-1]}]
    assert metadata["outputs"][2] == {"name": "scores", "datatype": "FP64", "shape": [-1, 2]}
    assert metadata["parameters"]["labels"] == ["ham", "spam"]
    assert metadata["parameters"]["verdict"] == "met"
    with pytest.raises(InferenceServerException, match="no model 'ham'; expected: one of: sms:1"):
        triton_client.get_model_metadata("ham")


def test_two_dimensions_and_a_choice_of_outputs(client: httpx.Client) -> None:
    tensor = {"name": "text", "shape": [2, 1], "datatype": "BYTES", "data": [["one"], ["two"]]}
    answer = client.post(PATH, json={"inputs": [tensor], "outputs": [{"name": "label"}]}).json()
    assert [(item["name"], item["shape"]) for item in answer["outputs"]] == [("label", [2])]


def test_each_version_answers_for_itself(serve: Serve, opened: ForkServer) -> None:
    models = [Hosted("sms", version, opened) for version in ("3", "4")]
    with serve(*models) as client:
        for path, version in ((PATH, "3"), ("/v2/models/sms/versions/4/infer", "4")):
            answer = client.post(path, json=infer_body("text"))
            assert answer.json()["model_version"] == version
            assert answer.headers["x-modelyard-version"] == f"sms:{version}"
        assert client.get("/v2/models/sms").json()["versions"] == ["3", "4"]
        assert client.post("/v2/models/sms/versions/5/infer", json=infer_body("text")).status_code == 404


def test_many_clients_at_once_each_get_their_own_answer(client: httpx.Client, classifier: Model) -> None:
    texts = [f"{text} {'again ' * (number % 5)}{number}" for number in range(25) for text in TEXTS]
    with Predictor(classifier, threads=1) as predictor:
        expected = [item["score"] for item in predictor.predict([{"text": text} for text in texts])]

    def ask(text: str) -> float:
        answer = client.post(PATH, json=infer_body(text) | {"outputs": [{"name": "score"}], "id": text}).json()
        assert answer["id"] == text
        return float(answer["outputs"][0]["data"][0])

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(ask, texts)) == pytest.approx(expected, abs=1e-6)


def test_a_client_that_goes_away_withdraws_its_work(serve: Serve, gated: Gated) -> None:
    source, gate = gated
    hosted, limits = Hosted("sms", "1", source), Limits(queue_rows=21)
    with serve(hosted, limits=limits) as client, ThreadPoolExecutor(2) as pool:
        first = pool.submit(client.post, PATH, json=infer_body("first"))
        gate.wait_until_running()
        # The server answers no sooner than the gate opens, so this client leaves.
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(str(client.base_url.join(PATH)), json=infer_body(*["left"] * 10), timeout=0.3)
        until(lambda: 'status="499"' in client.get("/metrics").text)
        second = pool.submit(client.post, PATH, json=infer_body(*["kept"] * 10))
        gate.open()
        assert first.result().status_code == second.result().status_code == 200
    assert sum(gate.batches) == 11


def test_full_and_late_are_told_with_their_status(serve: Serve, gated: Gated) -> None:
    source, gate = gated
    with serve(Hosted("sms", "1", source), limits=Limits(queue_rows=2)) as client, ThreadPoolExecutor(1) as pool:
        first = pool.submit(client.post, PATH, json=infer_body("first"))
        gate.wait_until_running()
        full = client.post(PATH, json=infer_body("one", "two"))
        assert full.status_code == 503
        assert int(full.headers["retry-after"]) >= 1
        assert "try again" in full.json()["error"]
        late = client.post(PATH, json=infer_body("late", timeout=10_000))
        assert late.status_code == 504
        assert "0.01 s" in late.json()["error"]
        gate.open()
        assert first.result().status_code == 200


def test_the_server_names_what_is_wrong_with_tensors(client: httpx.Client) -> None:
    def refuse(**change: Any) -> str:
        body = infer_body("a", "b")
        body["inputs"][0].update(change)
        answer = client.post(PATH, json=body)
        assert answer.status_code == 422, answer.text
        return str(answer.json()["error"])

    assert "expected: exactly: text" in refuse(name="words")
    assert "expected: BYTES" in refuse(datatype="FP32")
    for shape in ([3], [1], [2, 2], [10**12], [-1], [1.5], ["2"], [True], [], 2, None, [0], [2, 1, 1]):
        assert "expected" in refuse(shape=shape)
    for data in (None, "ab", ["a"], ["a", 1], ["a", None], {"a": 1}):
        assert "2 strings" in refuse(data=data)
    for size in (10**12, -1, "4", 1.5, 3):
        assert "binary_data_size" in refuse(parameters={"binary_data_size": size})
    bodies: list[Any] = [{}, [], {"inputs": {}}, {"inputs": [3]}, {"inputs": []}]
    for body in [*bodies, infer_body("a") | {"outputs": [{"name": "x"}]}]:
        assert client.post(PATH, json=body).status_code == 422
    unknown = client.post(PATH, json=infer_body("a", colour="red"))
    assert (unknown.status_code, "colour" in unknown.text) == (422, True)
    assert client.post(PATH, json=infer_body("a", timeout=-1)).status_code == 422


@pytest.mark.parametrize(
    ("binary", "status", "reason"),
    [
        (b"\x02\0\0\0hi", 200, ""),
        (b"\x02\0\0\0\xff\xfe", 400, "UTF-8"),
        (b"\xff\xff\xff\xffhi", 422, "claims 4294967295 bytes"),
        (b"\x02\0", 422, "within its length"),
        (b"\x01\0\0\0h\x01\0\0\0i", 422, "2 BYTES elements"),
        (b"", 422, "0 BYTES elements"),
    ],
)
def test_binary_tensors_are_checked(client: httpx.Client, binary: bytes, status: int, reason: str) -> None:
    parameters = f'{{"binary_data_size": {len(binary)}}}'
    head = f'{{"inputs":[{{"name":"text","shape":[1],"datatype":"BYTES","parameters":{parameters}}}]}}'.encode()
    headers = {"inference-header-content-length": str(len(head))}
    answer = client.post(PATH, content=head + binary, headers=headers)
    assert answer.status_code == status
    assert reason in answer.text
    for length in ("-1", "1e3", "99999999999999999999", "²"):
        wrong = client.post(PATH, content=head + binary, headers={b"inference-header-content-length": length.encode()})
        assert wrong.status_code == 400


def test_a_model_that_yields_no_number_is_an_error_of_the_row(serve: Serve, faulty: ForkServer) -> None:
    with serve(Hosted("sms", "1", faulty)) as client:
        answer = client.post(PATH, json=infer_body("no numbers"))
        assert answer.status_code == 422
        assert "finite" in answer.json()["error"]
