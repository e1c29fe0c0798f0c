"""An image model behind the Open Inference Protocol: base64 in JSON, files in the binary extension."""

from __future__ import annotations

import base64
from collections.abc import Iterator

import httpx
import numpy as np
import pytest
import tritonclient.http as triton

from modelyard.core import lookup
from modelyard.core.model import Model
from modelyard.core.predictor import Predictor
from modelyard.core.source import Source
from modelyard.serve.fork_server import ForkServer
from modelyard.serve.hosting import Hosted
from modelyard.testing import tiny
from tests.serve.conftest import Serve

PATH = "/v2/models/shapes/infer"
FILES = [tiny.image("bright", 1), tiny.image("dark", 2, format="JPEG")]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    source = Source("tiny", tiny.write_vision(tmp_path_factory.mktemp("source")), "sha256:0", {})
    out = tmp_path_factory.mktemp("model")
    return lookup.task("image-classification").adopt(source, out, data=tiny.labelled("bright", "dark"), seed=0)


@pytest.fixture(scope="module")
def client(serve: Serve, model: Model) -> Iterator[httpx.Client]:
    with ForkServer(model) as source, serve(Hosted("shapes", "1", source)) as client:
        yield client


@pytest.fixture(scope="module")
def scores(model: Model) -> list[list[float]]:
    with Predictor(model, threads=1) as predictor:
        return [list(item["scores"].values()) for item in predictor.predict([{"image": data} for data in FILES])]


def body(*images: str) -> dict[str, object]:
    return {"inputs": [{"name": "image", "shape": [len(images)], "datatype": "BYTES", "data": list(images)}]}


def test_base64_and_files_are_answered_as_by_the_predictor(client: httpx.Client, scores: list[list[float]]) -> None:
    answer = client.post(PATH, json=body(*(base64.b64encode(data).decode() for data in FILES))).json()
    outputs = {item["name"]: item for item in answer["outputs"]}
    assert np.reshape(outputs["scores"]["data"], (2, 2)) == pytest.approx(np.array(scores), abs=1e-5)
    binary = triton.InferInput("image", [2], "BYTES")
    binary.set_data_from_numpy(np.array(FILES, dtype=object))
    address = f"{client.base_url.host}:{client.base_url.port}"
    result = triton.InferenceServerClient(address).infer("shapes", [binary])
    assert result.as_numpy("scores") == pytest.approx(np.array(scores), abs=1e-5)


@pytest.mark.parametrize("image", ["file:///etc/passwd", "http://127.0.0.1/a.png", "", "####"])
def test_anything_else_is_refused(client: httpx.Client, image: str) -> None:
    answer = client.post(PATH, json=body(image))
    assert answer.status_code == 422
    assert client.post(PATH, json=body(base64.b64encode(FILES[0]).decode())).status_code == 200


def test_a_giant_image_is_refused_by_its_header(client: httpx.Client) -> None:
    giant = FILES[0][:16] + (65_000).to_bytes(4, "big") * 2 + FILES[0][24:]
    answer = client.post(PATH, json=body(base64.b64encode(giant).decode()))
    assert answer.status_code == 422
    assert "65000" in answer.text
