"""ONNX files of others become models that answer as their source; what is not known is assumed aloud or refused."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import shutil
import tempfile
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from modelyard.core import lookup
from modelyard.core.dataset import Dataset
from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.predictor import Predictor
from modelyard.core.report import Report
from modelyard.formats.positional import positional
from modelyard.sources import fetch
from modelyard.testing import check_runtime, check_step, check_task, tiny

LABELS = ("setosa", "versicolor", "virginica")


def load(path: Path, task: str, data: Dataset | None = None, **options: Any) -> Model:
    made = check_step("load model", [fetch(str(path)), data], {"task": task, **options}, repeatable=False)
    assert isinstance(made, Model)
    assert made.runtime == "onnxruntime"
    return made


def predict(model: Model, rows: Sequence[Any]) -> list[Any]:
    with Predictor(model) as predictor:
        return list(predictor.predict(rows))


def scores(model: Model, rows: Sequence[Any]) -> np.ndarray:
    return np.array([[answer["scores"][label] for label in model.labels] for answer in predict(model, rows)])


def table(folder: Path, header: Sequence[str], rows: Sequence[Sequence[Any]], columns: dict[str, Any]) -> Dataset:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "table.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    made = check_step("load data", [fetch(str(path)), None, None], {"columns": columns})
    assert isinstance(made, Dataset)
    return made


# Tables: what skl2onnx makes


@pytest.fixture(scope="module")
def iris(tmp_path_factory: pytest.TempPathFactory) -> tuple[Dataset, np.ndarray, np.ndarray]:
    from sklearn.datasets import load_iris

    features, target = load_iris(return_X_y=True)
    header = ["sepal length (cm)", "sepal width (cm)", "petal length (cm)", "petal width (cm)"]
    rows = [[*row, LABELS[kind]] for row, kind in zip(features, target, strict=True)]
    columns = {"label": "kind", "features": header}
    return table(tmp_path_factory.mktemp("iris"), [*header, "kind"], rows, columns), features, target


def write_sklearn(path: Path, estimator: Any, features: np.ndarray, **options: Any) -> Path:
    from skl2onnx import to_onnx

    path.write_bytes(to_onnx(estimator, features[:1].astype(np.float32), **options).SerializeToString())
    return path


def estimators() -> dict[str, Callable[[], Any]]:
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return {
        "linear": lambda: make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
        "forest": lambda: RandomForestClassifier(5, max_depth=3, random_state=0),
    }


@pytest.mark.parametrize("kind", ["linear", "forest"])
@pytest.mark.parametrize("zipmap", [True, False])
@pytest.mark.parametrize("named", [True, False])
def test_a_model_of_sklearn_answers_as_sklearn_does(
    iris: tuple[Dataset, np.ndarray, np.ndarray], tmp_path: Path, kind: str, zipmap: bool, named: bool
) -> None:
    data, features, target = iris
    estimator = estimators()[kind]()
    estimator.fit(features, np.array(LABELS)[target] if named else target)
    path = write_sklearn(tmp_path / "iris.onnx", estimator, features, options={"zipmap": zipmap}, target_opset=15)
    model = load(path, "tabular-classification", data)
    assert model.labels == LABELS
    assert any("probabilities" in line for line in model.assumed)
    assert any(("file's own" if named else "in their order, which is assumed") in line for line in model.assumed)
    order = [int(row["row"]) for row in data.rows("test")]
    np.testing.assert_allclose(scores(model, data.rows("test")), estimator.predict_proba(features[order]), atol=1e-5)


def test_it_is_evaluated_compared_quantized_exported_and_not_trained(
    iris: tuple[Dataset, np.ndarray, np.ndarray], tmp_path: Path
) -> None:
    data, features, _ = iris
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Linear(4, 16), torch.nn.ReLU(), torch.nn.Linear(16, 3))
    path = tmp_path / "network.onnx"
    _export(network, torch.zeros(2, 4), path, names=("x", "y"))
    model = load(path, "tabular-classification", data)
    assert any("logits" in line for line in model.assumed)
    order = [int(row["row"]) for row in data.rows("test")]
    expected = network(torch.tensor(features[order], dtype=torch.float32)).softmax(dim=1).detach().numpy()
    np.testing.assert_allclose(scores(model, data.rows("test")), expected, atol=1e-6)
    rows = [{"features": row["features"]} for row in data.rows("test")[:4]]
    check_task(model, rows)
    check_runtime(model)
    report = check_step("evaluate", [model, data])
    for step, more in {
        "quantize dynamic": [],
        "quantize static": [data],
        "export openvino": [],
        "quantize half": [],
    }.items():
        moved = check_step(step, [model, *more])
        assert isinstance(moved, Model)
        again = check_step("evaluate", [moved, data])
        compared = check_step("compare", [again, report], {"task": model.task})
        assert isinstance(compared, Report)
        assert (compared.findings.measures["agreement"].value or 0) > 0.9
    timed = check_step("benchmark", [model, data], {"batch_sizes": [1], "seconds": 0.02, "rows": 5}, repeatable=False)
    assert isinstance(timed, Report)
    with pytest.raises(InputError, match=r"'gradients'.*onnxruntime"):
        check_step("finetune full", [model, data])


def _export(network: Any, example: torch.Tensor, path: Path, names: tuple[str, str]) -> None:
    """By the older exporter of torch, which is what most files out there were made by, and the faster one."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network.eval(),
            (example,),
            path,
            dynamo=False,
            input_names=[names[0]],
            output_names=[names[1]],
            dynamic_axes={name: {0: "rows"} for name in names},
        )


def test_numbers_come_in_their_own_unit(tmp_path: Path) -> None:
    from sklearn.linear_model import Ridge

    features = np.random.default_rng(0).normal(100, 20, (120, 3))
    target = features @ [2.0, -1.0, 0.5] + 40
    data = table(
        tmp_path / "data",
        ["a", "b", "c", "size"],
        np.column_stack([features, target]).tolist(),
        {"target": "size", "features": ["a", "b", "c"]},
    )
    estimator = Ridge().fit(features, target)
    model = load(write_sklearn(tmp_path / "size.onnx", estimator, features), "tabular-regression", data)
    rows = data.rows("test")
    expected = estimator.predict(features[[int(row["row"]) for row in rows]])
    found = [answer["value"] for answer in predict(model, rows)]
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_columns_of_text_and_numbers_have_inputs_of_their_own(tmp_path: Path) -> None:
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import FloatTensorType, StringTensorType
    from sklearn.compose import make_column_transformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    random = np.random.default_rng(0)
    weights, colours = random.normal(50, 9, 200), random.choice(["red", "green", "blue"], 200)
    frame = np.array([weights, colours], dtype=object).T
    kind = np.where(weights + 20 * (colours == "red") > 55, "yes", "no")
    parts = make_column_transformer((StandardScaler(), [0]), (OneHotEncoder(handle_unknown="ignore"), [1]))
    estimator = make_pipeline(parts, LogisticRegression()).fit(frame, kind)
    path = tmp_path / "kind.onnx"
    inputs = [("weight", FloatTensorType([None, 1])), ("colour", StringTensorType([None, 1]))]
    path.write_bytes(to_onnx(estimator, initial_types=inputs).SerializeToString())
    # The data name the columns in another order than the model takes them.
    rows = np.array([colours, weights, kind], dtype=object).T.tolist()
    columns = {"label": "kind", "features": ["colour", "weight"]}
    data = table(tmp_path / "data", ["colour", "weight", "kind"], rows, columns)
    model = load(path, "tabular-classification", data)
    assert any("bear the names" in line for line in model.assumed)
    test = data.rows("test")
    expected = estimator.predict_proba(frame[[int(row["row"]) for row in test]])
    np.testing.assert_allclose(scores(model, test), expected, atol=1e-5)
    unknown = {"features": {"colour": "mauve", "weight": 51.0}}
    expected = estimator.predict_proba(np.array([[51.0, "mauve"]], dtype=object))
    np.testing.assert_allclose(scores(model, [unknown]), expected, atol=1e-5)


# Images


class Picture(torch.nn.Module):
    """Three classes of an image of 12 × 10, in the form that a test asks for."""

    def __init__(self, channels: int, last: str) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.convolution = torch.nn.Conv2d(channels, 8, 3, stride=2)
        self.head = torch.nn.Linear(8, 1 if last == "sigmoid" else 3)
        self.last = last

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        found = self.head(self.convolution(pixels).relu().mean(dim=(2, 3)) * 4)
        given: torch.Tensor = {"softmax": found.softmax(dim=1), "sigmoid": found.sigmoid(), "logits": found}[self.last]
        return given


class ChannelsLast(torch.nn.Module):
    def __init__(self, network: torch.nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.network(pixels.permute(0, 3, 1, 2))
        return found


IMAGES = [tiny.image(kind, seed, height=12, width=10) for seed in range(3) for kind in ("bright", "dark")]
ROWS = [{"image": image} for image in IMAGES]


def pixels() -> np.ndarray:
    """The images as they are, uint8 of shape (rows, 12, 10, 3)."""
    return np.stack([np.asarray(Image.open(io.BytesIO(image))) for image in IMAGES])


@pytest.mark.parametrize("last", ["logits", "softmax", "sigmoid"])
@pytest.mark.parametrize(("first", "scale"), [(True, "imagenet"), (False, "0..1"), (True, "-1..1"), (False, "0..255")])
def test_images_are_prepared_and_scores_read_rightly(tmp_path: Path, last: str, first: bool, scale: str) -> None:
    network = Picture(3, last)
    whole = network if first else ChannelsLast(network)
    example = torch.zeros(2, 3, 12, 10) if first else torch.zeros(2, 12, 10, 3)
    _export(whole, example, tmp_path / "picture.onnx", names=("input", "output"))
    assumed = {True: "imagenet", False: "0..1"}[first] == scale
    options: dict[str, Any] = {} if assumed else {"pixels": scale}
    model = load(tmp_path / "picture.onnx", "image-classification", **options)
    values: np.ndarray = pixels().astype(np.float32)
    values = {
        "0..255": values,
        "0..1": values / 255,
        "-1..1": values / 127.5 - 1,
        "imagenet": (values / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225],
    }[scale]
    expected = network(torch.tensor(values.transpose(0, 3, 1, 2), dtype=torch.float32)).detach()
    expected = torch.cat([1 - expected, expected], dim=1) if last == "sigmoid" else expected
    expected = expected.softmax(dim=1) if last == "logits" else expected
    np.testing.assert_allclose(scores(model, ROWS), expected.numpy(), atol=1e-5)
    assert any(scale in line and ("assumed" in line) == assumed for line in model.assumed)
    check_task(model, ROWS)


def test_a_grey_network_in_a_folder_that_says_all(tmp_path: Path) -> None:
    network = Picture(1, "logits")
    _export(network, torch.zeros(2, 1, 12, 10), tmp_path / "any.onnx", names=("x", "y"))
    (tmp_path / "config.json").write_text(json.dumps({"id2label": {"0": "cat", "1": "dog", "2": "owl"}}))
    model = load(tmp_path, "image-classification")
    assert model.labels == ("cat", "dog", "owl")
    grey = pixels().astype(np.float32).mean(axis=3)[:, None] / 255
    expected = network(torch.tensor(grey)).softmax(dim=1).detach().numpy()
    np.testing.assert_allclose(scores(model, ROWS), expected, atol=1e-5)


def test_a_preprocessor_beside_it_is_obeyed(tmp_path: Path) -> None:
    network = Picture(3, "logits")
    _export(network, torch.zeros(2, 3, 12, 10), tmp_path / "model.onnx", names=("pixel_values", "logits"))
    config = {
        "image_processor_type": "ViTImageProcessor",
        "size": {"height": 12, "width": 10},
        "image_mean": [0.1, 0.2, 0.3],
        "image_std": [0.5, 0.6, 0.7],
    }
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(config))
    model = load(tmp_path, "image-classification")
    values = (pixels() / 255 - [0.1, 0.2, 0.3]) / [0.5, 0.6, 0.7]
    expected = network(torch.tensor(values.transpose(0, 3, 1, 2), dtype=torch.float32)).softmax(dim=1)
    np.testing.assert_allclose(scores(model, ROWS), expected.detach().numpy(), atol=1e-5)
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(config | {"size": {"height": 9, "width": 9}}))
    assert "9 × 9, the graph takes 12 × 10" in refused(tmp_path, "image-classification")


# Texts


@pytest.fixture(scope="module")
def exported_text(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Model]:
    """A folder as exporters of Hugging Face models leave it, and the model in torch."""
    folder = tmp_path_factory.mktemp("text")
    source = fetch(str(tiny.write_encoder(folder / "encoder")))
    (folder / "torch").mkdir()
    model = lookup.task("text-classification").adopt(
        source, folder / "torch", data=tiny.labelled("ham", "spam"), seed=0
    )
    (folder / "onnx" / "onnx").mkdir(parents=True)
    task = lookup.task(model.task)
    arrays, axes = task.export_example(model)
    names = tuple(arrays)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            positional(task.network(model), names, ("logits",)),
            ([torch.from_numpy(array) for array in arrays.values()],),
            folder / "onnx" / "onnx" / "model.onnx",
            dynamo=False,
            input_names=list(names),
            output_names=["logits"],
            dynamic_axes={name: dict(sizes) for name, sizes in axes.items()},
        )
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        shutil.copy(model.path / name, folder / "onnx" / name)
    return folder / "onnx", model


TEXTS = [{"text": text} for text in tiny.TEXTS]


def test_a_folder_of_a_text_classifier(exported_text: tuple[Path, Model]) -> None:
    folder, original = exported_text
    model = load(folder, "text-classification")
    assert model.labels == ("ham", "spam")
    assert model.settings["max_length"] == 64
    np.testing.assert_allclose(scores(model, TEXTS), scores(original, TEXTS), atol=1e-6)
    check_task(model, TEXTS)
    swapped = load(folder, "text-classification", labels=["no", "yes"])
    assert [answer["label"] for answer in predict(swapped, TEXTS)] == [
        {"ham": "no", "spam": "yes"}[answer["label"]] for answer in predict(original, TEXTS)
    ]


def test_a_text_graph_alone_is_refused(exported_text: tuple[Path, Model], tmp_path: Path) -> None:
    folder, _ = exported_text
    assert "no tokenizer.json" in refused(folder / "onnx" / "model.onnx", "text-classification")
    shutil.copytree(folder, tmp_path / "copy")
    config = json.loads((folder / "config.json").read_text())
    for key, value, said in (
        ("problem_type", "multi_label_classification", "do not exclude"),
        ("auto_map", {"AutoModel": "modeling.Model"}, "own code"),
        ("id2label", {"0": "a", "1": "b", "2": "c"}, ""),
    ):
        (tmp_path / "copy" / "config.json").write_text(json.dumps(config | {key: value}))
        if said:
            assert said in refused(tmp_path / "copy", "text-classification")
        else:
            assert load(tmp_path / "copy", "text-classification").labels == ("0", "1")


# What is refused


def refused(path: Path, task: str = "tabular-classification", data: Dataset | None = None, **options: Any) -> str:
    with pytest.raises(InputError) as caught:
        load(path, task, data, **options)
    return str(caught.value)


def graph(
    nodes: Sequence[Any], *, width: int = 4, constants: Sequence[Any] = (), opsets: dict[str, int] | None = None
) -> Any:
    """From ``x`` (rows, width) to ``y``."""
    body = helper.make_graph(
        list(nodes),
        "test",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", width])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        list(constants),
    )
    imports = [helper.make_opsetid(*item) for item in (opsets or {"": 17}).items()]
    return helper.make_model(body, opset_imports=imports, ir_version=8)


@pytest.fixture
def small(iris: tuple[Dataset, np.ndarray, np.ndarray]) -> Dataset:
    return iris[0]


WEIGHTS = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
PRODUCT = helper.make_node("MatMul", ["x", "w"], ["y"])


@pytest.mark.parametrize("version", [8, 11, 13])
def test_older_opsets_are_rewritten(small: Dataset, tmp_path: Path, version: int) -> None:
    nodes = [helper.make_node("MatMul", ["x", "w"], ["p"]), helper.make_node("Softmax", ["p"], ["y"], axis=1)]
    made = graph(nodes, constants=[numpy_helper.from_array(WEIGHTS, "w")], opsets={"": version})
    onnx.save(made, tmp_path / "old.onnx")
    model = load(tmp_path / "old.onnx", "tabular-classification", small)
    values = np.array([list(row["features"].values()) for row in small.rows("test")]) @ WEIGHTS.astype(np.float64)
    expected = torch.softmax(torch.tensor(values), dim=1).numpy()
    np.testing.assert_allclose(scores(model, small.rows("test")), expected, atol=1e-5)
    quantized = check_step("quantize static", [model, small])
    assert isinstance(quantized, Model)


def test_tensors_may_lie_beside_it_but_not_outside(small: Dataset, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    made = graph([PRODUCT], constants=[numpy_helper.from_array(WEIGHTS, "w")])
    onnx.save(made, folder / "m.onnx", save_as_external_data=True, location="m.data", size_threshold=0)
    model = load(folder, "tabular-classification", small)
    assert set(model.files) == {"columns.json", "model.onnx"}
    assert "name the folder" in refused(folder / "m.onnx", data=small)
    (tmp_path / "secret").write_bytes((folder / "m.data").read_bytes())
    found = onnx.load(folder / "m.onnx", load_external_data=False)
    for location in ("../secret", str(tmp_path / "secret"), "a/../../secret", "link", ""):
        found.graph.initializer[0].external_data[0].value = location
        onnx.save(found, folder / "m.onnx")
        (folder / "link").unlink(missing_ok=True)
        (folder / "link").symlink_to(tmp_path / "secret")
        assert "outside the folder" in refused(folder, data=small)
    found.graph.initializer[0].external_data[0].value = "m.data"
    (folder / "m.data").write_bytes(b"short")
    onnx.save(found, folder / "m.onnx")
    assert "beyond the end" in refused(folder, data=small)


def test_operators_of_other_domains_are_refused(small: Dataset, tmp_path: Path) -> None:
    foreign = helper.make_node("Steal", ["x"], ["y"], domain="com.stranger")
    onnx.save(graph([foreign], opsets={"": 17, "com.stranger": 1}), tmp_path / "a.onnx")
    assert "com.stranger:Steal" in refused(tmp_path / "a.onnx", data=small)
    unknown = helper.make_node("NoSuchThing", ["x"], ["y"])
    onnx.save(graph([unknown]), tmp_path / "a.onnx")
    assert "ONNX Runtime cannot run" in refused(tmp_path / "a.onnx", data=small)


def test_functions_of_the_file_are_written_out(small: Dataset, tmp_path: Path) -> None:
    made = graph(
        [helper.make_node("Layer", ["x", "w"], ["y"], domain="own")],
        constants=[numpy_helper.from_array(WEIGHTS, "w")],
        opsets={"": 17, "own": 1},
    )
    body = [helper.make_node("MatMul", ["a", "b"], ["p"]), helper.make_node("Relu", ["p"], ["c"])]
    made.functions.append(helper.make_function("own", "Layer", ["a", "b"], ["c"], body, [helper.make_opsetid("", 17)]))
    onnx.save(made, tmp_path / "a.onnx")
    model = load(tmp_path / "a.onnx", "tabular-classification", small)
    values = np.array([list(row["features"].values()) for row in small.rows("test")]) @ WEIGHTS.astype(np.float64)
    expected = torch.softmax(torch.tensor(values).relu(), dim=1).numpy()
    np.testing.assert_allclose(scores(model, small.rows("test")), expected, atol=1e-5)


@pytest.mark.parametrize("content", [b"", b"no model at all", bytes(100), b"\x08\x07" + bytes(50), b"\x80\x04K\x01."])
def test_what_is_no_onnx_file_is_refused(small: Dataset, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "m.onnx").write_bytes(content)
    assert "no ONNX model" in refused(tmp_path / "m.onnx", data=small)


def test_several_files_are_not_guessed_among(small: Dataset, tmp_path: Path) -> None:
    made = graph([PRODUCT], constants=[numpy_helper.from_array(WEIGHTS, "w")])
    for name in ("a.onnx", "b.onnx"):
        onnx.save(made, tmp_path / name)
    assert "2 ONNX files" in refused(tmp_path, data=small)
    onnx.save(made, tmp_path / "model.onnx")
    load(tmp_path, "tabular-classification", small)


def test_answers_that_may_be_two_things_are_asked_for(small: Dataset, tmp_path: Path) -> None:
    constants = [numpy_helper.from_array(WEIGHTS / 9, "w"), numpy_helper.from_array(WEIGHTS[:, :1], "w1")]
    sigmoids = [helper.make_node("MatMul", ["x", "w"], ["p"]), helper.make_node("Sigmoid", ["p"], ["y"])]
    onnx.save(graph(sigmoids, constants=constants[:1]), tmp_path / "s.onnx")
    assert "do not sum to 1" in refused(tmp_path / "s.onnx", data=small)
    model = load(tmp_path / "s.onnx", "tabular-classification", small, outputs="probabilities")
    values = np.array([list(row["features"].values()) for row in small.rows("test")]) @ (WEIGHTS / 9)
    each = 1 / (1 + np.exp(-values))
    np.testing.assert_allclose(scores(model, small.rows("test")), each / each.sum(axis=1, keepdims=True), atol=1e-5)
    onnx.save(graph([helper.make_node("MatMul", ["x", "w1"], ["y"])], constants=constants[1:]), tmp_path / "one.onnx")
    two = tiny.labelled("no", "yes")
    assert two.labels == ("no", "yes")
    assert "one number for each row" in refused(tmp_path / "one.onnx", data=small)


def test_numbers_of_classes_and_columns_must_agree(small: Dataset, tmp_path: Path) -> None:
    constants = [numpy_helper.from_array(np.zeros((5, 3), np.float32), "w")]
    onnx.save(graph([PRODUCT], width=5, constants=constants), tmp_path / "wide.onnx")
    said = refused(tmp_path / "wide.onnx", data=small)
    assert "x (5)" in said
    assert "4 features" in said
    assert "give the data too" in refused(tmp_path / "wide.onnx")
    two = [numpy_helper.from_array(WEIGHTS[:, :2], "w")]
    onnx.save(graph([PRODUCT], constants=two), tmp_path / "two.onnx")
    assert "2 classes, the data have 3" in refused(tmp_path / "two.onnx", data=small)
    onnx.save(graph([PRODUCT], constants=[numpy_helper.from_array(WEIGHTS, "w")]), tmp_path / "three.onnx")
    assert "the same classes" in refused(tmp_path / "three.onnx", data=small, labels=["a", "b", "c"])
    model = load(tmp_path / "three.onnx", "tabular-classification", small, labels=list(reversed(LABELS)))
    assert model.labels == tuple(reversed(LABELS))


def test_metadata_name_the_classes(small: Dataset, tmp_path: Path) -> None:
    made = graph([PRODUCT], constants=[numpy_helper.from_array(WEIGHTS, "w")])
    for text in ('["virginica", "setosa", "versicolor"]', "{0: 'virginica', 1: 'setosa', 2: 'versicolor'}"):
        del made.metadata_props[:]
        helper.set_model_props(made, {"names": text})
        onnx.save(made, tmp_path / "m.onnx")
        model = load(tmp_path / "m.onnx", "tabular-classification", small)
        assert model.labels == ("virginica", "setosa", "versicolor")


def test_a_fixed_number_of_rows_is_refused_where_it_is_built_in(small: Dataset, tmp_path: Path) -> None:
    shape = numpy_helper.from_array(np.array([1, 3]), "shape")
    nodes = [helper.make_node("MatMul", ["x", "w"], ["p"]), helper.make_node("Reshape", ["p", "shape"], ["y"])]
    made = graph(nodes, constants=[numpy_helper.from_array(WEIGHTS, "w"), shape])
    made.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
    onnx.save(made, tmp_path / "m.onnx")
    assert "rows" in refused(tmp_path / "m.onnx", data=small)
    # Where it is only written on the input, it is set free.
    made = graph([PRODUCT], constants=[numpy_helper.from_array(WEIGHTS, "w")])
    made.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
    onnx.save(made, tmp_path / "m.onnx")
    rows = [{"features": row["features"]} for row in small.rows("test")[:4]]
    check_task(load(tmp_path / "m.onnx", "tabular-classification", small), rows)


def test_rows_that_mix_are_refused(small: Dataset, tmp_path: Path) -> None:
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["p"]),
        helper.make_node("ReduceMean", ["p"], ["m"], axes=[0], keepdims=1),
        helper.make_node("Sub", ["p", "m"], ["y"]),
    ]
    onnx.save(graph(nodes, constants=[numpy_helper.from_array(WEIGHTS, "w")]), tmp_path / "m.onnx")
    assert "depends on the rows beside it" in refused(tmp_path / "m.onnx", data=small)


def test_a_limit_of_memory_is_kept(small: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    onnx.save(graph([PRODUCT], constants=[numpy_helper.from_array(WEIGHTS, "w")]), tmp_path / "m.onnx")
    monkeypatch.setenv("MODELYARD_MEMORY_LIMIT", "100")
    assert "the limit is" in refused(tmp_path / "m.onnx", data=small)


def test_weights_in_halves_and_in_eight_bits(small: Dataset, tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Cast", ["x"], ["h"], to=TensorProto.FLOAT16),
        helper.make_node("MatMul", ["h", "w"], ["p"]),
        helper.make_node("Cast", ["p"], ["y"], to=TensorProto.FLOAT),
    ]
    onnx.save(graph(nodes, constants=[numpy_helper.from_array(WEIGHTS.astype(np.float16), "w")]), tmp_path / "h.onnx")
    half = load(tmp_path / "h.onnx", "tabular-classification", small)
    assert half.settings["precision"] == "fp16"
    onnx.save(graph([PRODUCT], constants=[numpy_helper.from_array(WEIGHTS, "w")]), tmp_path / "m.onnx")
    whole = load(tmp_path / "m.onnx", "tabular-classification", small)
    np.testing.assert_allclose(scores(half, small.rows("test")), scores(whole, small.rows("test")), atol=0.01)
    quantized = check_step("quantize dynamic", [whole])
    assert isinstance(quantized, Model)
    shutil.copy(quantized.path / "model.onnx", tmp_path / "eight.onnx")
    again = load(tmp_path / "eight.onnx", "tabular-classification", small)
    assert again.settings["precision"] == "int8"
    np.testing.assert_allclose(scores(again, small.rows("test")), scores(quantized, small.rows("test")), atol=1e-6)
    with pytest.raises(InputError, match="int8 cannot be exported or quantized again"):
        check_step("quantize static", [again, small])


def test_the_output_of_a_usual_name_is_taken_among_several(small: Dataset, tmp_path: Path) -> None:
    nodes = [helper.make_node("MatMul", ["x", "w"], ["y"]), helper.make_node("Relu", ["y"], ["hidden"])]
    made = graph(nodes, constants=[numpy_helper.from_array(WEIGHTS, "w")])
    made.graph.output.append(helper.make_tensor_value_info("hidden", TensorProto.FLOAT, None))
    onnx.save(made, tmp_path / "m.onnx")
    assert "2 outputs hold numbers for each row: y, hidden" in refused(tmp_path / "m.onnx", data=small)
    for item in (*made.graph.node, made.graph.output[0]):
        for names in (item.input, item.output) if hasattr(item, "input") else ():
            for place, name in enumerate(names):
                names[place] = "logits" if name == "y" else name
    made.graph.output[0].name = "logits"
    onnx.save(made, tmp_path / "m.onnx")
    assert any(
        "'logits' holds logits" in line for line in load(tmp_path / "m.onnx", "tabular-classification", small).assumed
    )


def test_a_giant_input_is_refused_before_anything_is_allocated(tmp_path: Path) -> None:
    made = graph([helper.make_node("GlobalAveragePool", ["x"], ["y"])])
    made.graph.input[0].CopyFrom(helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 10**6, 10**6]))
    onnx.save(made, tmp_path / "m.onnx")
    assert "at most 2048" in refused(tmp_path / "m.onnx", "image-classification")


@pytest.fixture(scope="module")
def sound() -> bytes:
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"]),
        helper.make_node("GlobalAveragePool", ["c"], ["g"]),
        helper.make_node("Flatten", ["g"], ["y"]),
    ]
    weights = np.random.default_rng(0).normal(size=(4, 3, 3, 3)).astype(np.float32)
    made = graph(nodes, constants=[numpy_helper.from_array(weights, "w")])
    made.graph.input[0].CopyFrom(helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 8, 8]))
    content: bytes = made.SerializeToString()
    return content


@given(place=st.integers(0, 260), value=st.integers(0, 255))
@settings(max_examples=150)
def test_a_changed_byte_is_harmless_or_refused(sound: bytes, place: int, value: int) -> None:
    # The structure lies at both ends; between them are the weights, which may be any numbers.
    place = place if place < 140 else len(sound) - 1 - (place - 140)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "m.onnx"
        path.write_bytes(sound[:place] + bytes([value]) + sound[place + 1 :])
        (out := Path(folder) / "out").mkdir()
        made: set[str] = set()
        with contextlib.suppress(InputError):
            step = lookup.step("load model").function
            made = set(step(fetch(str(path)), None, out=out, task="image-classification").files)
        assert made in (set(), {"model.onnx", "preprocessor_config.json"})


@pytest.mark.slow
def test_a_published_network_answers_as_it_does_without_us() -> None:
    """PaddleOCR's MobileNet, which tells upright text from turned: channels first, sides of any length."""
    import onnxruntime

    place = "rapidocr_onnxruntime/models/ch_ppocr_mobile_v2.0_cls_infer.onnx"
    source = fetch(f"pypi:rapidocr-onnxruntime==1.4.4/{place}")
    options = {"task": "image-classification", "labels": ["upright", "turned"], "pixels": "-1..1"}
    model = check_step("load model", [source, None], options)
    assert isinstance(model, Model)
    assert any("probabilities" in line for line in model.assumed)
    images = [tiny.image(kind, seed, height=224, width=224) for seed in range(4) for kind in ("bright", "dark")]
    pixels = np.stack([np.asarray(Image.open(io.BytesIO(image))) for image in images])
    session = onnxruntime.InferenceSession(source.path)
    values = (pixels.transpose(0, 3, 1, 2) / 127.5 - 1).astype(np.float32)
    (expected,) = session.run(None, {session.get_inputs()[0].name: values})
    rows = [{"image": image} for image in images]
    np.testing.assert_allclose(scores(model, rows), expected, atol=1e-5)
    moved = check_step("export openvino", [model])
    assert isinstance(moved, Model)
    np.testing.assert_allclose(scores(moved, rows), expected, atol=1e-4)
