"""A mask with a key through a running server: the key stays outside, and data of one person stay equal."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.predictor import Predictor, apply_transforms
from modelyard.core.secret_keys import new_secret_key
from modelyard.core.transform import TransformSpec
from modelyard.formats.files import copy_companions
from modelyard.serve.fork_server import ForkServer
from modelyard.serve.hosting import Hosted
from tests.serve.conftest import Serve, infer_body

TEXTS = ["call +41 44 668 18 00 now", "call +41446681800 now", "call +41 44 668 18 01 now"]


@pytest.fixture
def masked(classifier: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Model:
    monkeypatch.setenv("MODELYARD_KEYS", str(tmp_path / "keys"))
    how = {"kinds": ["phone"], "roles": ["text"], "strategy": "hash", "key": new_secret_key().id}
    out = tmp_path / "masked"
    out.mkdir()
    copy_companions(classifier, out)
    (out / "model.onnx").write_bytes((classifier.path / "model.onnx").read_bytes())
    return classifier.rewrite(out, parents=[classifier], transforms=[TransformSpec("mask", how)])


def test_a_server_with_the_key_answers_as_the_model_was_proven(masked: Model, classifier: Model, serve: Serve) -> None:
    ready = apply_transforms(masked.transforms, [{"text": text} for text in TEXTS])
    assert ready[0] == ready[1]
    assert ready[0] != ready[2]
    with Predictor(classifier, threads=1) as predictor:
        wanted = predictor.predict(ready, embedding=True)
    with ForkServer(masked, measure=False) as source, serve(Hosted("sms", "1", source)) as client:
        answer = client.post("/v2/models/sms/infer", json=infer_body(*TEXTS, embedding=True)).json()
    found = {item["name"]: item["data"] for item in answer["outputs"]}
    assert found["score"] == pytest.approx([item["score"] for item in wanted], abs=1e-6)
    assert found["embedding"] == pytest.approx([number for item in wanted for number in item["embedding"]], abs=1e-5)


def test_a_server_without_the_key_says_what_it_lacks(
    masked: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODELYARD_KEYS", str(tmp_path / "elsewhere"))
    with pytest.raises(InputError, match="MODELYARD_KEYS"):
        ForkServer(masked, measure=False)
