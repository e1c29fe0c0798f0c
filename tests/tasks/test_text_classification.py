"""The text classifier against transformers itself, and what it refuses."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.core.dataset import Dataset
from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.predictor import Predictor
from modelyard.core.source import Source
from modelyard.methods.class_predictions import softmax
from modelyard.tasks.text_classification import TASK
from modelyard.testing import tiny

MIXED = (*tiny.TEXTS, "", "Hello", "你好 héllo don't " + "free prize " * 100)


def source(path: Path) -> Source:
    return Source(str(path), path, "sha256:0", {})


def adopt(path: Path, out: Path, labels: Sequence[str] = ("ham", "spam"), seed: int = 0) -> Model:
    out.mkdir()
    return TASK.adopt(source(path), out, data=tiny.labelled(*labels), seed=seed)


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.write_encoder(tmp_path_factory.mktemp("encoder") / "bert")


@pytest.fixture(scope="module")
def model(encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> Model:
    return adopt(encoder, tmp_path_factory.mktemp("adopted") / "model")


def test_predictions_are_those_of_transformers(model: Model) -> None:
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(model.path)
    network = AutoModelForSequenceClassification.from_pretrained(model.path).eval()
    assert network.config.id2label == {0: "ham", 1: "spam"}
    with Predictor(model) as predictor:
        predictions = predictor.predict([{"text": text} for text in MIXED])
    for text, prediction in zip(MIXED, predictions, strict=True):
        with torch.inference_mode():
            batch = tokenizer(text, return_tensors="pt", truncation=True, max_length=64)
            expected = network(**batch).logits.softmax(-1)[0]
        assert [prediction["scores"][label] for label in ("ham", "spam")] == pytest.approx(expected.tolist(), abs=1e-6)
        assert prediction["label"] == network.config.id2label[int(expected.argmax())]
        assert prediction["score"] == max(prediction["scores"].values())


def test_answers_come_in_the_order_of_the_rows(model: Model) -> None:
    rows = [{"text": text} for text in MIXED]
    with Predictor(model) as predictor:
        forwards, backwards = predictor.predict(rows), predictor.predict(rows[::-1])[::-1]
        alone = [predictor.predict([row])[0] for row in rows]
    for answers in (backwards, alone):
        assert [answer["score"] for answer in answers] == pytest.approx([row["score"] for row in forwards], abs=1e-6)


def test_a_label_in_the_row_changes_no_prediction(model: Model) -> None:
    with Predictor(model) as predictor:
        assert predictor.predict([{"text": "hi", "label": "spam"}]) == predictor.predict([{"text": "hi"}])


def test_no_rows_give_no_answers(model: Model) -> None:
    with Predictor(model) as predictor:
        assert predictor.predict([]) == []


def test_collate_pads_to_the_longest_row_of_the_batch(model: Model) -> None:
    processor = TASK.processor(model)
    rows = [{"text": "win", "label": "spam"}, {"text": "win a free prize", "label": "ham"}]
    batch = TASK.collate(processor, TASK.encode(processor, rows))
    assert batch["attention_mask"].tolist() == [[1, 1, 1, 0, 0, 0], [1] * 6]
    assert batch["input_ids"][0, 3:].tolist() == [0, 0, 0]
    assert batch["labels"].tolist() == [1, 0]
    assert {array.dtype for array in batch.values()} == {np.dtype(np.int64)}


def test_the_head_depends_on_the_seed_alone(encoder: Path, model: Model, tmp_path: Path) -> None:
    again, other = adopt(encoder, tmp_path / "again"), adopt(encoder, tmp_path / "other", seed=1)
    assert again.digest == model.digest
    assert other.files["model.safetensors"] != model.files["model.safetensors"]


@pytest.mark.parametrize("labels", [("ham", "spam"), ("spam", "ham"), ()])
def test_a_trained_head_for_the_same_classes_is_kept(model: Model, tmp_path: Path, labels: tuple[str, ...]) -> None:
    kept = adopt(model.path, tmp_path / "kept", labels, seed=9)
    assert kept.labels == ("ham", "spam")
    assert kept.files["model.safetensors"] == model.files["model.safetensors"]


@pytest.mark.parametrize("labels", [("no", "yes"), ("a", "b", "c")])
def test_a_head_for_other_classes_is_replaced(model: Model, tmp_path: Path, labels: tuple[str, ...]) -> None:
    from safetensors.numpy import load_file

    renewed = adopt(model.path, tmp_path / "renewed", labels)
    before, after = (load_file(item.path / "model.safetensors") for item in (model, renewed))
    assert after["classifier.weight"].shape == (len(labels), 32)
    assert {name for name in before if not np.array_equal(before[name], after[name])} >= {"classifier.weight"}
    assert all(np.array_equal(before[name], after[name]) for name in before if name.startswith("bert."))


def test_the_real_encoder_reads_at_most_256_tokens_unless_told(minilm: Source, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    adopted = TASK.adopt(minilm, tmp_path / "model", data=tiny.labelled("ham", "spam"), seed=0)
    assert adopted.settings["max_length"] == 256
    assert adopted.settings["length_limit"] == 512
    assert adopted.base == minilm.reference
    encoded = TASK.encode(TASK.processor(adopted), [{"text": "word " * 1000}])
    shapes = {name: array.shape for name, array in encoded[0].items()}
    assert shapes == dict.fromkeys(("input_ids", "attention_mask", "token_type_ids"), (256,))


def edit_config(folder: Path, **changes: object) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def bring_code(folder: Path) -> None:
    edit_config(folder, auto_map={"AutoModelForSequenceClassification": "evil.Evil"})
    (folder / "evil.py").write_text(f"open({str(folder / 'executed')!r}, 'w')")


def only_pickle(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(b"cos\nsystem\n(S'touch executed'\ntR.")


def other_names(folder: Path) -> None:
    from safetensors.numpy import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    save_file({"x." + name: array for name, array in weights.items()}, folder / "model.safetensors", {"format": "pt"})


def torn(folder: Path) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])


def no_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()


FAULTS: Mapping[str, object] = {
    "its own code": bring_code,
    "no weights in safetensors": only_pickle,
    "weights of the encoder are missing": other_names,
    "cannot load it": torn,
    "no readable config.json": lambda folder: (folder / "config.json").write_text("{"),
    "tokenizer": no_tokenizer,
    "holds no mapping": lambda folder: (folder / "config.json").write_text("[]"),
}


@pytest.mark.parametrize("message", FAULTS)
def test_foreign_files_that_are_refused(encoder: Path, tmp_path: Path, message: str) -> None:
    folder = shutil.copytree(encoder, tmp_path / "copy")
    FAULTS[message](folder)  # type: ignore[operator]
    with pytest.raises(InputError, match=message):
        adopt(folder, tmp_path / "out")
    assert not (folder / "executed").exists()


@pytest.mark.parametrize("labels", [("one",), ("twice", "twice"), ()])
def test_fewer_than_two_classes_are_refused(encoder: Path, tmp_path: Path, labels: tuple[str, ...]) -> None:
    with pytest.raises(InputError, match="classes for a classifier"):
        adopt(encoder, tmp_path / "out", labels)


def test_an_unknown_label_and_an_unknown_option_are_refused(model: Model) -> None:
    with pytest.raises(InputError, match="does not know the label 'eggs'"):
        TASK.encode(TASK.processor(model), [{"text": "hi", "label": "eggs"}])
    with Predictor(model) as predictor, pytest.raises(InputError, match="temperature"):
        predictor.predict([{"text": "hi"}], temperature=1)


def test_scores_follow_the_order_of_the_data_not_of_the_model(model: Model, tmp_path: Path) -> None:
    table = pa.table({"row": pa.array(range(6), pa.int64()), "text": tiny.TEXTS, "label": tiny.LABELS})
    found = {}
    for labels in (("ham", "spam"), ("spam", "ham")):
        out = tmp_path / labels[0]
        out.mkdir()
        data = Dataset.write(out, {"test": table}, parents=[], labels=labels)
        with Predictor(model) as predictor:
            found[labels] = TASK.evaluate(predictor, data, "test", confidence=0.95, seed=0).measures
            right = [
                answer["label"] == label
                for answer, label in zip(predictor.predict_split(data, "test"), tiny.LABELS, strict=True)
            ]
        assert found[labels]["accuracy"].value == pytest.approx(np.mean(right))
    forwards, backwards = found.values()
    assert forwards["f1:spam"].value == backwards["f1:spam"].value
    assert forwards["f1"].value == forwards["f1:spam"].value
    assert backwards["f1"].value == backwards["f1:ham"].value


def test_workload_has_the_asked_size(model: Model) -> None:
    with Predictor(model) as predictor:
        (workload,) = TASK.workloads(predictor, 3, 16)
        assert workload.run()["logits"].shape == (3, 2)
        assert (workload.units, workload.unit) == (3, "row")
        with pytest.raises(InputError, match="length 65"):
            list(TASK.workloads(predictor, 1, 65))


def test_loss_is_weighted_cross_entropy(model: Model) -> None:
    import torch

    logits = torch.tensor([[2.0, 0.0], [0.0, 1.0]])
    batch = {"input_ids": torch.zeros(2, 1), "labels": torch.tensor([0, 0])}
    each = -torch.log_softmax(logits, -1)[:, 0]

    def network(**arrays: object) -> dict[str, torch.Tensor]:
        assert set(arrays) == {"input_ids"}
        return {"logits": logits}

    assert float(TASK.loss(network, batch, None)) == pytest.approx(float(each.mean()))
    assert float(TASK.loss(network, batch, torch.tensor([3.0, 1.0]))) == pytest.approx(float(3 * each[0] + each[1]) / 2)


@given(st.lists(st.floats(-1e30, 1e30), min_size=2, max_size=5))
def test_softmax_never_overflows(logits: list[float]) -> None:
    probabilities = softmax(np.array([logits]))
    assert probabilities.sum() == pytest.approx(1)
    assert (probabilities >= 0).all()


def test_a_processor_loads_no_training_framework(model: Model) -> None:
    code = (
        "import sys; from pathlib import Path; from modelyard.core.artifact import open_artifact;"
        "from modelyard.tasks.text_classification import TASK;"
        f"p = TASK.processor(open_artifact(Path({str(model.path)!r}))); TASK.encode(p, [{{'text': 'hi'}}]);"
        "print(sorted({'torch', 'transformers', 'pyarrow', 'sklearn'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
