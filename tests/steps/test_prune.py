"""The structured steps of ``prune`` on tiny models: smaller, open again, trained, exported; and what they refuse."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch

from modelyard.core import lookup
from modelyard.core.artifact import Artifact
from modelyard.core.dataset import Dataset
from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.predictor import Predictor
from modelyard.core.report import Report
from modelyard.core.source import Source
from modelyard.engines.local import execute
from modelyard.networks import blocks, feed_forward, heads, sparsity
from modelyard.testing import check_step, tiny

ROWS = [{"text": text} for text in tiny.TEXTS]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("prune")


@pytest.fixture(scope="module")
def classifier(folder: Path) -> Model:
    (folder / "model").mkdir()
    source = Source("tiny", tiny.write_encoder(folder / "encoder"), "", {})
    return lookup.task("text-classification").adopt(source, folder / "model", data=tiny.labelled("ham", "spam"), seed=0)


@pytest.fixture(scope="module")
def generator(folder: Path) -> Model:
    (folder / "generator").mkdir()
    source = Source("tiny", tiny.write_causal(folder / "causal"), "", {})
    return lookup.task("text-generation").adopt(source, folder / "generator", data=None, seed=0)


@pytest.fixture(scope="module")
def data(folder: Path) -> Dataset:
    (folder / "data").mkdir()
    columns = {"row": pa.array(range(24), pa.int64()), "text": tiny.TEXTS * 4, "label": tiny.LABELS * 4}
    table = pa.table(columns)
    return Dataset.write(folder / "data", {"train": table, "validation": table[:6]}, parents=[], labels=["ham", "spam"])


def run(name: str, inputs: list[Artifact | Source | None], place: Path, **options: Any) -> Model:
    step = lookup.step(name)
    for part in ("out", "scratch"):
        (place / part).mkdir(parents=True, exist_ok=True)
    checked = step.check_options(options)
    made = execute(step, inputs, checked, out=place / "out", scratch=place / "scratch")
    assert isinstance(made, Model)
    return made


def answers(model: Model) -> list[float]:
    with Predictor(model) as predictor:
        return [answer["scores"]["spam"] for answer in predictor.predict(ROWS)]


def weights(model: Model) -> int:
    return sum(weight.numel() for weight in lookup.task(model.task).network(model).parameters())


CASES = [
    ("prune layers", {"keep": 1}),
    ("prune layers", {"keep": [1]}),
    ("prune layers", {"keep": 1, "choose": "taylor"}),
    ("prune layers", {"keep": 1, "choose": "loss", "epochs": 1}),
    ("prune neurons", {"multiple": 8}),
    ("prune neurons", {"multiple": 8, "scope": "network", "epochs": 1}),
    ("prune heads", {}),
    ("prune heads", {"scope": "layer", "epochs": 1}),
]
SAME_SIZE = [("prune magnitude", {"sparsity": 0.8}), ("prune magnitude", {"scope": "layer", "epochs": 1})]


@pytest.mark.parametrize(("name", "options"), CASES)
def test_every_method_keeps_the_contract_and_makes_smaller_models(
    classifier: Model, generator: Model, data: Dataset, name: str, options: dict[str, Any]
) -> None:
    for model in (classifier, generator):
        pruned = check_step(name, [model, data], options)
        assert isinstance(pruned, Model)
        assert pruned.size_bytes < model.size_bytes
        assert weights(pruned) < weights(model)
    assert ("training.json" in pruned.files) == ("epochs" in options)


@pytest.mark.parametrize(("name", "options"), SAME_SIZE)
def test_magnitude_keeps_the_contract_and_the_share(
    classifier: Model, generator: Model, data: Dataset, name: str, options: dict[str, Any]
) -> None:
    for model in (classifier, generator):
        pruned = check_step(name, [model, data], options)
        assert isinstance(pruned, Model)
        found = sparsity.share(lookup.task(pruned.task).network(pruned))
        assert found == pytest.approx(options.get("sparsity", 0.5), abs=1e-3)
        assert pruned.settings["sparsity"] == found


@pytest.mark.slow
def test_zeros_are_counted_in_the_benchmark_and_again_after_training(
    classifier: Model, data: Dataset, tmp_path: Path
) -> None:
    pruned = run("prune magnitude", [classifier, None], tmp_path / "pruned", sparsity=0.9)
    (tmp_path / "report").mkdir()
    step = lookup.step("benchmark")
    options = step.check_options(
        {"batch_sizes": [1], "lengths": [8], "seconds": 0.02, "rows": 3, "split": "validation"}
    )
    report = execute(step, [pruned, data], options, out=tmp_path / "report", scratch=tmp_path)
    assert isinstance(report, Report)
    assert report.findings.measures["sparsity"].value == pytest.approx(0.9, abs=1e-3)
    trained = run("finetune", [pruned, data], tmp_path / "trained", epochs=1)
    assert trained.settings["sparsity"] < 0.2


def test_positions_change_the_exported_work_and_not_the_answers(
    classifier: Model, data: Dataset, tmp_path: Path
) -> None:
    pruned = check_step("prune positions", [classifier, data])
    assert isinstance(pruned, Model)
    assert pruned.settings["first_position"] == "queries"
    np.testing.assert_allclose(answers(pruned), answers(classifier), atol=1e-6)
    (tmp_path / "onnx").mkdir()
    settings = lookup.runtime("onnxruntime").build(pruned, tmp_path / "onnx")
    exported = pruned.rewrite(tmp_path / "onnx", parents=[pruned], runtime="onnxruntime", settings=settings)
    np.testing.assert_allclose(answers(exported), answers(classifier), atol=1e-5)
    # The cut follows what is trained and pruned after.
    again = run("prune layers", [pruned, data], tmp_path / "again", epochs=1)
    assert again.settings["first_position"] == "queries"
    assert run("prune positions", [again, None], tmp_path / "twice").settings["first_position"] == "queries"


def test_positions_that_are_read_stay(tmp_path: Path) -> None:
    """GPT-2 reads the last token."""
    from transformers import AutoTokenizer, GPT2Config, GPT2ForSequenceClassification

    encoder = tiny.write_encoder(tmp_path / "encoder")
    source = tmp_path / "source"
    AutoTokenizer.from_pretrained(encoder).save_pretrained(source)
    config = GPT2Config(vocab_size=200, n_embd=32, n_layer=2, n_head=4, pad_token_id=0)
    GPT2ForSequenceClassification(config).save_pretrained(source)
    (tmp_path / "model").mkdir()
    task = lookup.task("text-classification")
    model = task.adopt(Source("tiny", source, "", {}), tmp_path / "model", data=tiny.labelled("ham", "spam"), seed=0)
    with pytest.raises(InputError, match="GPT2ForSequenceClassification needs all positions"):
        run("prune positions", [model, None], tmp_path / "run")


def test_a_smaller_vocabulary_gives_the_same_answers_on_its_rows(
    classifier: Model, data: Dataset, tmp_path: Path
) -> None:
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    (tmp_path / "few").mkdir()
    few = data.rewrite(tmp_path / "few", {"train": data.table("train")[:3], "validation": data.table("validation")})
    pruned = check_step("prune vocabulary", [classifier, few], {"continuations": False})
    assert isinstance(pruned, Model)
    assert pruned.size_bytes < classifier.size_bytes
    assert json.loads((pruned.path / "config.json").read_text())["vocab_size"] < 150
    np.testing.assert_allclose(answers(pruned)[:3], answers(classifier)[:3], rtol=1e-6)
    processor = lookup.task(pruned.task).processor(pruned)
    for text in tiny.TEXTS:
        assert "[UNK]" not in processor.tokenizer.encode(text).tokens
    plain, network = AutoTokenizer.from_pretrained(pruned.path), lookup.task(pruned.task).network(pruned)
    assert plain(tiny.TEXTS[0])["input_ids"] == processor.tokenizer.encode(tiny.TEXTS[0]).ids
    assert plain.convert_tokens_to_ids("[MASK]") == plain.mask_token_id
    AutoModelForSequenceClassification.from_pretrained(pruned.path).load_state_dict(network.state_dict())
    trained = run("prune vocabulary", [pruned, few], tmp_path / "trained", epochs=1, continuations=False)
    assert weights(trained) == weights(pruned)


def test_a_pruned_classifier_is_trained_exported_and_pruned_again(
    classifier: Model, data: Dataset, tmp_path: Path
) -> None:
    pruned = run("prune neurons", [classifier, data], tmp_path / "neurons", multiple=8, scope="network")
    pruned = run("prune heads", [pruned, data], tmp_path / "heads")
    trained = run("finetune", [pruned, data], tmp_path / "trained", epochs=4, learning_rate=0.003)
    exported = run("quantize dynamic", [trained], tmp_path / "exported")
    np.testing.assert_allclose(answers(exported), answers(trained), atol=0.03)
    again = run("prune layers", [trained, None], tmp_path / "again")
    assert weights(again) < weights(trained)


@pytest.mark.slow
def test_a_pruned_generator_writes_as_before_it_was_exported(generator: Model, data: Dataset, tmp_path: Path) -> None:
    pruned = run("prune layers", [generator, None], tmp_path / "layers", keep=1)
    pruned = run("prune heads", [pruned, data], tmp_path / "heads")
    assert pruned.settings["cache"] == [[1, 8, 8]]
    (tmp_path / "onnx").mkdir()
    settings = lookup.runtime("onnxruntime").build(pruned, tmp_path / "onnx")
    exported = pruned.rewrite(tmp_path / "onnx", parents=[pruned], runtime="onnxruntime", settings=settings)
    texts = []
    for model in (pruned, exported):
        with Predictor(model) as predictor:
            texts.append([answer["text"] for answer in predictor.predict(ROWS[:2], temperature=0.0, max_tokens=6)])
    assert texts[0] == texts[1]


def test_an_even_cut_keeps_a_configuration_that_transformers_reads(
    classifier: Model, data: Dataset, tmp_path: Path
) -> None:
    from transformers import AutoModelForSequenceClassification

    pruned = run("prune layers", [classifier, None], tmp_path / "layers", keep=[1])
    pruned = run("prune neurons", [pruned, data], tmp_path / "neurons")
    config = json.loads((pruned.path / "config.json").read_text())
    assert (config["num_hidden_layers"], config["intermediate_size"]) == (1, 32)
    plain = AutoModelForSequenceClassification.from_pretrained(pruned.path)
    ours = lookup.task(pruned.task).network(pruned)
    for name, tensor in ours.state_dict().items():
        assert torch.equal(plain.state_dict()[name], tensor)


def test_layers_are_those_that_were_listed(classifier: Model, tmp_path: Path) -> None:
    pruned = run("prune layers", [classifier, None], tmp_path, keep=[1])
    before, after = (blocks.find(lookup.task(model.task).network(model)) for model in (classifier, pruned))
    assert len(after) == 1
    for name, tensor in after[0].state_dict().items():
        assert torch.equal(before[1].state_dict()[name], tensor)


def test_uneven_heads_and_neurons_are_found_in_the_file(classifier: Model, data: Dataset, tmp_path: Path) -> None:
    pruned = run("prune neurons", [classifier, data], tmp_path / "neurons", scope="network", multiple=1, keep=0.3)
    pruned = run("prune heads", [pruned, data], tmp_path / "heads", keep=0.4)
    network = lookup.task(pruned.task).network(pruned)
    assert sum(part.width for part in feed_forward.find(network)) == round(0.3 * 128)
    assert sum(part.heads for part in heads.find(network)) == round(0.4 * 8)


@pytest.mark.parametrize(
    ("name", "options", "given", "message"),
    [
        ("prune layers", {"keep": 3}, True, "keep: 3"),
        ("prune layers", {"keep": [0, 2]}, True, r"keep: \[0, 2\]"),
        ("prune layers", {"keep": [0, 0]}, True, "different numbers of layers from 0 to 1"),
        ("prune layers", {"keep": []}, True, r"keep: \[\]"),
        ("prune layers", {"keep": 1, "choose": "loss"}, False, "importance is measured on real rows"),
        ("prune layers", {"keep": 1, "epochs": 1}, False, "recovery trains on real rows"),
        ("prune neurons", {"split": "none"}, True, "no split 'none'"),
        ("prune magnitude", {"epochs": 1}, False, "recovery trains on real rows"),
        ("prune vocabulary", {"split": "none"}, True, "no split 'none'"),
    ],
)
def test_bad_input(
    classifier: Model, data: Dataset, tmp_path: Path, name: str, options: dict[str, Any], given: bool, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        run(name, [classifier, data if given else None], tmp_path, **options)
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize(
    ("name", "options"), [("prune layers", {"keep": 0}), ("prune neurons", {"keep": 1.5}), ("prune heads", {"keep": 0})]
)
def test_options_out_of_range(name: str, options: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        lookup.step(name).check_options(options)
