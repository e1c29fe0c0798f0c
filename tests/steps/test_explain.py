"""``explain`` on tiny models of every task: the contract, and answers whose reasons are known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from modelyard.core import lookup
from modelyard.core.dataset import Dataset
from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.report import Report
from modelyard.core.source import Source
from modelyard.engines.local import execute
from modelyard.methods import faithfulness
from modelyard.render.figures import draw_svg
from modelyard.testing import check_step, tiny

BLACK_BOX = ("explain lime", "explain shap", "explain occlusion")
QUICK: dict[str, dict[str, Any]] = {
    "explain lime": {"samples": 30},
    "explain shap": {"samples": 40},
    "explain occlusion": {},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("explain")


def new(folder: Path, name: str) -> Path:
    (folder / name).mkdir()
    return folder / name


@pytest.fixture(scope="module")
def texts(folder: Path) -> tuple[Model, Dataset]:
    source = Source("tiny", tiny.write_encoder(folder / "encoder"), "", {})
    data = tiny.labelled("ham", "spam")
    model = lookup.task("text-classification").adopt(source, new(folder, "texts"), data=data, seed=0)
    table = {"row": pa.array(range(10, 16), pa.int64()), "text": [*tiny.TEXTS], "label": [*tiny.LABELS]}
    return model, Dataset.write(new(folder, "text data"), {"test": pa.table(table)}, parents=[], labels=["ham", "spam"])


@pytest.fixture(scope="module")
def images(folder: Path) -> tuple[Model, Dataset]:
    source = Source("tiny", tiny.write_vision(folder / "vision"), "", {})
    data = tiny.labelled("bright", "dark")
    model = lookup.task("image-classification").adopt(source, new(folder, "images"), data=data, seed=0)
    files = [tiny.image(kind, seed) for seed, kind in enumerate(["bright", "dark"] * 2)]
    table = {"row": pa.array(range(4), pa.int64()), "image": files, "label": ["bright", "dark"] * 2}
    return model, Dataset.write(new(folder, "image data"), {"test": pa.table(table)}, parents=[], labels=data.labels)


@pytest.fixture(scope="module")
def tables(folder: Path) -> tuple[Model, Dataset]:
    """A regression that is linear in what it knows: size = 3 * weight + 80 if red."""
    random = np.random.default_rng(0)
    weight, noise = random.normal(50, 9, 200), random.normal(size=200)
    colour = random.choice(["red", "blue"], 200)
    columns = [{"weight": a, "colour": b, "noise": c} for a, b, c in zip(weight, colour, noise, strict=True)]
    size = 3 * weight + 80 * (colour == "red")
    table = pa.table({"row": pa.array(range(200), pa.int64()), "features": columns, "target": size})
    data = Dataset.write(new(folder, "table data"), {"train": table, "test": table.slice(0, 40)}, parents=[])
    start = lookup.task("tabular-regression").adopt(
        Source("new", _blueprint(folder), "", {}), new(folder, "start"), data=data, seed=0
    )
    step = lookup.step("finetune full")
    options = step.check_options({"epochs": 60, "learning_rate": 0.02})
    model = execute(step, [start, data], options, out=new(folder, "tables"), scratch=new(folder, "scratch"))
    assert isinstance(model, Model)
    return model, data


def _blueprint(folder: Path) -> Path:
    from modelyard.sources import fetch

    return fetch("new:mlp?hidden=16").path


def explain(name: str, given: tuple[Model, Dataset], **options: Any) -> Report:
    made = check_step(name, list(given), {**QUICK.get(name, {}), **options})
    assert isinstance(made, Report)
    return made


@pytest.mark.parametrize("name", BLACK_BOX)
def test_texts(name: str, texts: tuple[Model, Dataset]) -> None:
    found = explain(name, texts, rows=2).findings
    assert set(faithfulness.MEASURES) <= set(found.measures) <= set(lookup.step(name).measures)
    strips = [figure for figure in found.figures if figure.kind == "text"]
    assert ["".join(strip.x_names) for strip in strips] == [tiny.TEXTS[0], tiny.TEXTS[-1]]
    assert all(max(map(abs, strip.cells[0])) == pytest.approx(1) for strip in strips)
    assert found.rows is not None
    assert found.rows.column("row").to_pylist() == [10, 15]
    for figure in found.figures:
        assert draw_svg(figure, inline=True)


def test_shap_by_partition(texts: tuple[Model, Dataset], images: tuple[Model, Dataset]) -> None:
    for given, samples in ((texts, 40), (images, 20)):
        found = explain("explain shap", given, rows=2, units=16, method="partition", samples=samples).findings
        error = found.measures["additivity_error"].value
        assert error is not None
        assert error < 1e-5


@pytest.mark.parametrize("name", BLACK_BOX)
def test_images(name: str, images: tuple[Model, Dataset]) -> None:
    found = explain(name, images, only=[0, 2], units=16).findings
    overlays = [figure for figure in found.figures if figure.kind == "image" and figure.picture]
    assert [np.shape(figure.cells) for figure in overlays] == [(4, 4)] * 2
    for figure in found.figures:
        assert draw_svg(figure, inline=True)


def test_shap_of_a_linear_model_is_its_coefficients(tables: tuple[Model, Dataset]) -> None:
    """The value of a column is its coefficient times its distance from the background's mean."""
    report = explain("explain shap", tables, only=[0, 1], background=200)
    rows = report.findings.rows
    assert rows is not None
    features = tables[1].column("train", "features")
    mean = np.mean([row["weight"] for row in features])
    red = np.mean([row["colour"] == "red" for row in features])
    for number, names, weights in zip(
        *(rows.column(name).to_pylist() for name in ("row", "units", "weights")), strict=True
    ):
        found = dict(zip(names, weights, strict=True))
        assert found["weight"] == pytest.approx(3 * (features[number]["weight"] - mean), abs=4)
        assert found["colour"] == pytest.approx(80 * ((features[number]["colour"] == "red") - red), abs=4)
        assert found["noise"] == pytest.approx(0, abs=2)
    error = report.findings.measures["additivity_error"].value
    assert error is not None
    assert error < 1e-3


def test_the_same_columns_matter_to_lime_and_occlusion(tables: tuple[Model, Dataset]) -> None:
    for name in ("explain lime", "explain occlusion"):
        summary = explain(name, tables, rows=10).findings.figures[0]
        assert list(summary.series[0].x) == ["colour", "weight", "noise"] or list(summary.series[0].x) == [
            "weight",
            "colour",
            "noise",
        ]


def test_only_rows_that_are_given_the_class(texts: tuple[Model, Dataset]) -> None:
    report = explain("explain occlusion", texts)
    rows = report.findings.rows
    assert rows is not None
    label = rows.column("label").to_pylist()[0]
    ours = explain("explain occlusion", texts, label=label).findings.rows
    assert ours is not None
    assert set(ours.column("label").to_pylist()) == {label}
    assert ours.column("row").to_pylist() == [
        row
        for row, own in zip(*(rows.column(name).to_pylist() for name in ("row", "label")), strict=True)
        if own == label
    ]


def test_the_other_class_is_explained_with_the_sign_turned(texts: tuple[Model, Dataset]) -> None:
    ham, spam = (explain("explain occlusion", texts, only=[10], label=label).findings.rows for label in ("ham", "spam"))
    assert ham is not None
    assert spam is not None
    weights = [np.array(rows.column("weights").to_pylist()[0]) for rows in (ham, spam)]
    assert np.allclose(weights[0], -weights[1], atol=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"label": "span"}, "did you mean 'spam'"),
        ({"only": [3]}, "no row 3"),
        ({"split": "valid"}, "no split 'valid'"),
    ],
)
def test_wrong_options(texts: tuple[Model, Dataset], options: dict[str, Any], message: str) -> None:
    step = lookup.step("explain occlusion")
    with pytest.raises(InputError, match=message):
        execute(step, list(texts), step.check_options(options), out=Path("unused"), scratch=Path("unused"))


def test_a_number_has_no_class(tables: tuple[Model, Dataset]) -> None:
    step = lookup.step("explain shap")
    with pytest.raises(InputError, match="leave it out"):
        execute(step, list(tables), step.check_options({"label": "x"}), out=Path("unused"), scratch=Path("unused"))


def test_models_that_generate_are_refused_before_anything_runs() -> None:
    assert lookup.step("explain lime").needs == {"units"}
    assert "units" not in lookup.task("text-generation").abilities


@pytest.mark.parametrize("method", ["integrated", "smoothgrad"])
def test_gradients_of_texts(method: str, texts: tuple[Model, Dataset]) -> None:
    found = explain("explain gradients", texts, rows=2, method=method, steps=20).findings
    assert [figure.kind for figure in found.figures[2:]] == ["text", "text"]
    if method == "integrated":
        share = found.measures["completeness_share"].value
        assert share is not None
        assert share < 0.02


@pytest.mark.parametrize("method", ["integrated", "smoothgrad", "gradcam"])
def test_gradients_of_images(method: str, images: tuple[Model, Dataset]) -> None:
    found = explain("explain gradients", images, rows=2, method=method, steps=8, units=16).findings
    assert np.shape(found.figures[-1].cells) == (32, 32)
    assert found.rows is not None
    weights = np.array(found.rows.column("weights").to_pylist())
    assert weights.shape == (2, 16)
    assert method != "gradcam" or (weights >= 0).all()


def test_gradients_of_a_linear_model_are_its_coefficients(tables: tuple[Model, Dataset]) -> None:
    rows = explain("explain gradients", tables, only=[0, 1], background=0).findings.rows
    assert rows is not None
    weight = [row["weight"] for row in tables[1].column("train", "features")]
    size = np.std(tables[1].column("train", "target"))
    for row in rows.to_pylist():
        found = dict(zip(row["units"], row["weights"], strict=True))
        assert found["weight"] * size == pytest.approx(3 * (weight[row["row"]] - np.mean(weight)), abs=5)


def test_grad_cam_needs_an_image(texts: tuple[Model, Dataset]) -> None:
    step = lookup.step("explain gradients")
    with pytest.raises(InputError, match="use method: integrated"):
        execute(step, list(texts), step.check_options({"method": "gradcam"}), out=Path("u"), scratch=Path("u"))


def test_attention_of_texts(texts: tuple[Model, Dataset]) -> None:
    rows = explain("explain attention", texts, rows=2).findings.rows
    assert rows is not None
    for weights in rows.column("weights").to_pylist():
        assert min(weights) >= 0
        assert 0 < sum(weights) < 1


def test_attention_of_images(folder: Path, images: tuple[Model, Dataset]) -> None:
    """A vision transformer's square of tokens, after the one that the answer is read from, lies over the image."""
    import json

    import torch
    from transformers import ViTConfig, ViTModel

    torch.manual_seed(0)
    place = new(folder, "vit")
    shape: dict[str, Any] = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
    ViTModel(ViTConfig(**shape, intermediate_size=16, image_size=16, patch_size=4)).save_pretrained(place)
    (place / "preprocessor_config.json").write_text(
        json.dumps({"image_processor_type": "ViTImageProcessor", "size": {"height": 16, "width": 16}})
    )
    model = lookup.task("image-classification").adopt(
        Source("tiny", place, "", {}), new(folder, "vit model"), data=tiny.labelled("bright", "dark"), seed=0
    )
    found = explain("explain attention", (model, images[1]), rows=1, units=16).findings
    assert np.shape(found.figures[-1].cells) == (16, 16)
    assert found.rows is not None
    assert min(found.rows.column("weights").to_pylist()[0]) > 0


def test_a_convolutional_network_has_no_attention(images: tuple[Model, Dataset]) -> None:
    step = lookup.step("explain attention")
    with pytest.raises(InputError, match="no attention over its tokens"):
        execute(step, list(images), step.check_options({}), out=Path("u"), scratch=Path("u"))


def test_a_tree_that_imitates_a_table_model(tables: tuple[Model, Dataset]) -> None:
    found = explain("explain tree", tables, depth=5, smallest=3).findings
    fidelity = found.measures["fidelity_r2"]
    assert fidelity.value is not None
    assert fidelity.value > 0.9
    assert {"colour = red", "weight"} >= set(found.figures[0].series[0].x) - {"noise", "colour = blue"}
    assert any("colour is" in str(row[0]) and "weight" in str(row[0]) for row in found.tables[0].rows)


def test_a_tree_over_texts_asks_for_words(texts: tuple[Model, Dataset]) -> None:
    step = lookup.step("explain tree")
    data = texts[1]
    twice = data.rewrite(_fresh(), {"train": data.table("test"), "test": data.table("test")})
    found = check_step("explain tree", [texts[0], twice], {"smallest": 1})
    assert isinstance(found, Report)
    measures = found.findings.measures
    assert measures["fidelity"].value == 1.0
    assert set(measures) == set(step.measures)


def _fresh() -> Path:
    import tempfile

    return Path(tempfile.mkdtemp(prefix="modelyard-test-"))


def test_a_tree_over_images_is_refused(images: tuple[Model, Dataset]) -> None:
    step = lookup.step("explain tree")
    with pytest.raises(InputError, match="pixels of an image"):
        execute(step, list(images), step.check_options({}), out=Path("u"), scratch=Path("u"))


def test_features_of_every_kind(
    texts: tuple[Model, Dataset], images: tuple[Model, Dataset], tables: tuple[Model, Dataset]
) -> None:
    for given, kind in ((texts, "text"), (images, "image"), (tables, "bar")):
        found = explain("explain features", given, most=2, top=2, climb=3, rows=10).findings
        assert [figure.kind for figure in found.figures] == [kind, kind]
        for figure in found.figures:
            assert draw_svg(figure, inline=True)


def test_features_of_a_layer_that_is_not_there(texts: tuple[Model, Dataset]) -> None:
    step = lookup.step("explain features")
    for options, message in (
        ({"layer": "bert.pooler.dens"}, "did you mean 'bert.pooler.dense'"),
        ({"layer": "bert.pooler.dense", "channels": [32]}, "from 0 to 31"),
    ):
        with pytest.raises(InputError, match=message):
            execute(step, list(texts), step.check_options(options), out=Path("u"), scratch=Path("u"))
