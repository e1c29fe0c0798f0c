"""``ensemble``: combined answers are those of the members, a soup is never worse than its best model."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelyard.core import lookup
from modelyard.core.artifact import open_artifact
from modelyard.core.dataset import Dataset
from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.predictor import Predictor
from modelyard.core.source import Source
from modelyard.core.transform import TransformSpec
from modelyard.steps.ensemble.soup import choose
from modelyard.testing import check_runtime, check_step, check_task, tiny

ROWS = [{"text": text} for text in tiny.TEXTS]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("ensemble")


@pytest.fixture(scope="module")
def data(folder: Path) -> Dataset:
    table = pa.table({"row": pa.array(range(6), pa.int64()), "text": tiny.TEXTS, "label": tiny.LABELS})
    (folder / "data").mkdir()
    splits = {"train": table, "validation": table}
    return Dataset.write(folder / "data", splits, parents=[], labels=("ham", "spam"))


def adopt(folder: Path, name: str, seed: int, labels: tuple[str, ...] = ("ham", "spam")) -> Model:
    if not (folder / "encoder").exists():
        tiny.write_encoder(folder / "encoder")
    out = folder / name
    out.mkdir()
    source = Source("tiny", folder / "encoder", "sha256:0", {})
    return lookup.task("text-classification").adopt(source, out, data=tiny.labelled(*labels), seed=seed)


@pytest.fixture(scope="module")
def models(folder: Path) -> list[Model]:
    return [adopt(folder, f"model-{seed}", seed) for seed in range(3)]


def scores(model: Model) -> np.ndarray:
    with Predictor(model) as predictor:
        answers = predictor.predict(ROWS)
    return np.array([[answer["scores"][label] for label in model.labels] for answer in answers])


def combined(name: str, models: Sequence[Model], **options: Any) -> Model:
    made = check_step(name, models, options)
    assert isinstance(made, Model)
    return made


def test_the_average_is_that_of_the_members_probabilities(models: list[Model]) -> None:
    ensemble = combined("ensemble average", models)
    assert np.allclose(scores(ensemble), np.mean([scores(model) for model in models], axis=0), atol=1e-6)
    weighted = combined("ensemble average", models, weights=[2.0, 1.0, 0.0])
    expected = (2 * scores(models[0]) + scores(models[1])) / 3
    assert np.allclose(scores(weighted), expected, atol=1e-6)
    assert [open_artifact(ensemble.path / "members" / str(number)).digest for number in range(3)] == [
        model.digest for model in models
    ]


def test_votes_are_counted(models: list[Model]) -> None:
    shares = scores(combined("ensemble vote", models))
    votes = np.mean([np.eye(2)[scores(model).argmax(axis=1)] for model in models], axis=0)
    assert np.allclose(shares, votes, atol=1e-5)


def test_an_ensemble_is_a_model_like_any_other(models: list[Model], data: Dataset) -> None:
    ensemble = combined("ensemble average", models[:2])
    assert ensemble.runtime == "ensemble"
    check_runtime(ensemble)
    check_task(ensemble, ROWS)
    report = check_step("evaluate", [ensemble, data], {"split": "validation"})
    assert report.kind == "report"


def test_one_model_learns_what_an_ensemble_answers(models: list[Model], data: Dataset) -> None:
    ensemble = combined("ensemble average", models)
    options = {"epochs": 60, "batch_size": 6, "learning_rate": 0.003, "soft": 1.0}
    student = check_step("distill", [models[0], ensemble, data], options, repeatable=False)
    assert isinstance(student, Model)
    assert student.runtime == "torch"
    before = np.abs(scores(models[0]) - scores(ensemble)).max()
    assert np.abs(scores(student) - scores(ensemble)).max() < before / 3


def test_a_soup_of_equal_models_is_the_model(models: list[Model], data: Dataset) -> None:
    for method in ("uniform", "greedy"):
        made = check_step("ensemble soup", [data, models[0], models[0], models[0]], {"method": method})
        assert made.files["model.safetensors"] == models[0].files["model.safetensors"]


def test_a_uniform_soup_has_the_mean_weights(models: list[Model], data: Dataset) -> None:
    from safetensors.numpy import load_file

    made = check_step("ensemble soup", [data, *models], {"method": "uniform"}, repeatable=False)
    weights = [load_file(model.path / "model.safetensors") for model in models]
    found = load_file(made.path / "model.safetensors")
    assert found.keys() == weights[0].keys()
    for name, tensor in found.items():
        assert np.allclose(tensor, np.mean([member[name] for member in weights], axis=0), atol=1e-7)


def test_a_greedy_soup_is_not_worse_than_its_best_model(models: list[Model], data: Dataset) -> None:
    made = check_step("ensemble soup", [data, *models], repeatable=False)
    assert isinstance(made, Model)
    truth = np.array([made.labels.index(label) for label in tiny.LABELS])
    accuracies = [(scores(model).argmax(axis=1) == truth).mean() for model in models]
    assert (scores(made).argmax(axis=1) == truth).mean() >= max(accuracies)
    record = json.loads((made.path / "soup.json").read_text())
    assert record["alone"] == pytest.approx(accuracies)
    assert record["accuracy"] >= max(accuracies)


@settings(max_examples=50)
@given(st.integers(2, 6), st.integers(0, 10_000))
def test_greedy_choice_never_loses(count: int, seed: int) -> None:
    def judge(numbers: Sequence[int]) -> tuple[float, float]:
        random = np.random.default_rng([seed, *sorted(numbers)])
        return float(random.random().__round__(1)), float(random.random())

    chosen, record = choose(count, judge)
    assert judge(chosen)[0] == record["accuracy"] >= max(record["alone"])
    assert len(set(chosen)) == len(chosen)


def test_models_that_do_not_fit_are_refused(folder: Path, models: list[Model], tmp_path: Path) -> None:
    step = lookup.step("ensemble average").function
    first, second = models[:2]
    (tmp_path / "other").mkdir()
    news = adopt(folder, "news", 0, ("ham", "spam", "news"))
    shorter = sealed(second, tmp_path / "length", settings={**second.settings, "max_length": 8})
    others = {
        "1 model": [first],
        "classes: ham, spam, news where the first has ham, spam": [first, news],
        "task: text-generation": [first, sealed(second, tmp_path / "task", task="text-generation")],
        "max_length: 8 where": [first, shorter],
        "transforms: mask": [first, sealed(second, tmp_path / "mask", transforms=[TransformSpec("mask", {})])],
        "another tokenizer.json": [first, sealed(second, tmp_path / "tokens", tokenizer=True)],
    }
    for message, unlike in others.items():
        with pytest.raises(InputError) as caught:
            step(*unlike, out=tmp_path / "out")
        assert message in str(caught.value)
    with pytest.raises(InputError, match="one a model"):
        step(first, second, out=tmp_path / "out", weights=[1.0])


def sealed(model: Model, out: Path, *, tokenizer: bool = False, **changes: Any) -> Model:
    """A copy of a model that differs in what is named."""
    shutil.copytree(model.path, out)
    if tokenizer:
        with (out / "tokenizer.json").open("a") as file:
            file.write("\n")
    said = {"task": model.task, "settings": model.settings, "transforms": model.transforms} | changes
    return Model.write(out, runtime=model.runtime, base=model.base, parents=[], labels=model.labels, **said)


def test_a_soup_needs_weights_of_one_shape(models: list[Model], data: Dataset, tmp_path: Path) -> None:
    step = lookup.step("ensemble soup").function
    ensemble = combined("ensemble vote", models[:2])
    with pytest.raises(InputError, match="model 2 runs on ensemble"):
        step(data, models[0], ensemble, out=tmp_path)
    with pytest.raises(InputError, match="no ensembles themselves"):
        lookup.step("ensemble vote").function(ensemble, ensemble, out=tmp_path)
    shorter = check_step("prune layers", [models[0], None], {"keep": 1}, repeatable=False)
    with pytest.raises(InputError, match="model 2 has other weights than the first"):
        step(data, models[0], shorter, out=tmp_path)
