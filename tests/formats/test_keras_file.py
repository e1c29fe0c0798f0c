"""Keras models: the same answers as Keras itself; code, foreign modules and pointers are refused unopened."""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

os.environ.setdefault("KERAS_BACKEND", "torch")
keras = pytest.importorskip("keras", reason="the extra 'keras' is not installed")
h5py = pytest.importorskip("h5py", reason="the extra 'keras' is not installed")

import torch  # noqa: E402 - after the backend of Keras is chosen
from keras import layers as kl  # noqa: E402
from PIL import Image  # noqa: E402

from modelyard.core import lookup  # noqa: E402
from modelyard.core.errors import InputError  # noqa: E402
from modelyard.core.model import Model  # noqa: E402
from modelyard.core.predictor import Predictor  # noqa: E402
from modelyard.core.source import Source  # noqa: E402
from modelyard.formats import keras_file  # noqa: E402
from modelyard.networks.keras_graph import KerasGraphForImageClassification  # noqa: E402
from modelyard.tasks.image_classification.keras_import import translate  # noqa: E402
from modelyard.testing import tiny  # noqa: E402


def sequential() -> Any:
    return keras.Sequential(
        [
            keras.Input((11, 9, 3)),
            kl.Rescaling(1 / 255.0, offset=-0.5),
            kl.Conv2D(6, 3, strides=2, padding="same", activation="relu"),
            kl.BatchNormalization(),
            kl.DepthwiseConv2D((3, 2), padding="same", depth_multiplier=2),
            kl.LeakyReLU(negative_slope=0.1),
            kl.AveragePooling2D(2, padding="same"),
            kl.MaxPooling2D((2, 1), strides=(1, 2), padding="same"),
            kl.SpatialDropout2D(0.3),
            kl.Flatten(),
            kl.LayerNormalization(),
            kl.Dense(7, activation="gelu"),
            kl.Dropout(0.5),
            kl.Dense(4),
            kl.Softmax(),
        ]
    )


def functional() -> Any:
    """A residual network whose body is a model inside the model."""
    inner_input = keras.Input((8, 8, 3))
    padded = kl.ZeroPadding2D(((1, 0), (2, 1)))(inner_input)
    first = kl.Conv2D(4, 3, dilation_rate=2, use_bias=False, name="conv_a")(padded)
    second = kl.Conv2D(4, 5, groups=1, activation="silu")(padded)
    joined = kl.Concatenate()([kl.Add()([first, second]), kl.Multiply()([first, second])])
    body = keras.Model(inner_input, kl.ReLU(max_value=6)(joined), name="body")
    image = keras.Input((8, 8, 3))
    hidden = kl.Dense(5, activation="softmax")(body(image))
    pooled = kl.Concatenate()([kl.GlobalAveragePooling2D()(hidden), kl.GlobalMaxPooling2D()(hidden)])
    reshaped = kl.Flatten()(kl.Reshape((1, 2, 5))(pooled))
    return keras.Model(image, kl.Dense(1, activation="sigmoid")(reshaped))


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Networks with random statistics too, each with the files it was saved to."""
    folder = tmp_path_factory.mktemp("keras")
    found = {}
    for build in (sequential, functional):
        keras.utils.set_random_seed(0)
        network = build()
        generator = np.random.default_rng(0)
        network.set_weights([generator.uniform(0.1, 0.6, weight.shape) for weight in network.get_weights()])
        files = [folder / f"{build.__name__}{ending}" for ending in (".keras", ".h5")]
        for file in files:
            network.save(file)
        found[build.__name__] = (network, files)
    return found


@pytest.mark.parametrize("name", ["sequential", "functional"])
@pytest.mark.parametrize("number", [0, 1])
def test_the_same_answers_as_keras(saved: dict[str, Any], tmp_path: Path, name: str, number: int) -> None:
    network, files = saved[name]
    source = Source("a model", files[number], "", {})
    found, prepared = translate(source, tmp_path)
    folder = found.path
    ours = KerasGraphForImageClassification.from_pretrained(folder).train(False)
    images = np.random.default_rng(1).uniform(0, 255, (5, *network.input_shape[1:])).astype(np.float32)
    expected = network.predict(images, verbose=0)
    with torch.no_grad():
        logits = ours(pixel_values=torch.from_numpy(images).permute(0, 3, 1, 2)).logits
    answers = torch.softmax(logits, -1).numpy()
    if expected.shape[1] == 1:
        expected = np.hstack([1 - expected, expected])
    np.testing.assert_allclose(answers, expected, atol=2e-5)
    assert (prepared.scale is not None) is (name == "functional")


def test_gradients_reach_every_weight(saved: dict[str, Any], tmp_path: Path) -> None:
    _, files = saved["sequential"]
    ours = KerasGraphForImageClassification.from_pretrained(translate(Source("m", files[0], "", {}), tmp_path)[0].path)
    ours.train()
    ours(pixel_values=torch.rand(3, 3, 11, 9) * 255).logits.logsumexp(-1).sum().backward()
    assert [name for name, weight in ours.named_parameters() if weight.grad is None] == []


def test_any_other_file_is_no_keras_file(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"\x08")
    for path in (tmp_path, tmp_path / "model.safetensors"):
        assert not keras_file.is_keras(path)


def change(path: Path, out: Path, edit: Callable[[dict[str, Any]], object]) -> Path:
    """A ``.keras`` file with another config."""
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(out, "w") as changed:
        for name in archive.namelist():
            data = archive.read(name)
            if name == "config.json":
                config = json.loads(data)
                edit(config)
                data = json.dumps(config).encode()
            changed.writestr(name, data)
    return out


def refused(path: Path) -> str:
    with pytest.raises(InputError) as error:
        keras_file.read(path)
    return str(error.value)


def add(layer: dict[str, Any]) -> Callable[[dict[str, Any]], object]:
    return lambda config: config["config"]["layers"].insert(1, layer)


LAMBDA = {"module": "keras.layers", "class_name": "Lambda", "config": {"name": "l", "function": "x"}}
FOREIGN = {"module": "planted_module", "class_name": "Dense", "config": {"name": "l"}}
HIDDEN = {
    "module": "keras.layers",
    "class_name": "Activation",
    "config": {"name": "l", "activation": {"module": "builtins", "class_name": "function", "config": "eval"}},
}
UNKNOWN = {"module": "keras.layers", "class_name": "GaussianNoise", "config": {"name": "l"}}
STRANGE = {"module": "keras.layers", "class_name": "Activation", "config": {"name": "l", "activation": "os.system"}}


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        (LAMBDA, "holds code"),
        (FOREIGN, "foreign module: 'planted_module'"),
        (HIDDEN, "holds code"),
        (UNKNOWN, "cannot be taken over"),
        (STRANGE, "has the activation"),
    ],
)
@pytest.mark.parametrize("ending", [".keras", ".h5"])
def test_code_and_foreign_layers_are_refused(
    saved: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, layer: Any, words: str, ending: str
) -> None:
    (tmp_path / "planted_module.py").write_text(f"open({str(tmp_path / 'trace')!r}, 'w')")
    monkeypatch.syspath_prepend(str(tmp_path))
    _, (archive, hdf5) = saved["sequential"]
    planted = tmp_path / f"planted{ending}"
    if ending == ".keras":
        change(archive, planted, add(layer))
    else:
        planted.write_bytes(hdf5.read_bytes())
        with h5py.File(planted, "a") as store:
            config = json.loads(store.attrs["model_config"])
            add(layer)(config)
            store.attrs["model_config"] = json.dumps(config)
    assert words in refused(planted)
    assert not (tmp_path / "trace").exists()


def test_a_real_lambda_layer_is_refused(tmp_path: Path) -> None:
    network = keras.Sequential([keras.Input((4,)), kl.Lambda(lambda values: values * 2), kl.Dense(2)])
    network.save(tmp_path / "m.keras")
    network.save(tmp_path / "m.h5")
    assert "holds code" in refused(tmp_path / "m.keras")
    assert "holds code" in refused(tmp_path / "m.h5")


def test_pointers_to_other_files_are_refused(saved: dict[str, Any], tmp_path: Path) -> None:
    _, (_, hdf5) = saved["sequential"]
    (tmp_path / "secret").write_bytes(bytes(64))
    for kind in ("link", "storage", "virtual"):
        planted = tmp_path / f"{kind}.h5"
        planted.write_bytes(hdf5.read_bytes())
        with h5py.File(planted, "a") as store:
            group = store["model_weights/dense"]
            if kind == "link":
                group["stolen"] = h5py.ExternalLink(str(hdf5), "/model_weights")
            elif kind == "storage":
                group.create_dataset("stolen", (16,), "f4", external=[(str(tmp_path / "secret"), 0, 64)])
            else:
                layout = h5py.VirtualLayout((4,), "f4")
                layout[:] = h5py.VirtualSource(str(tmp_path / "other.h5"), "x", (4,))
                group.create_virtual_dataset("stolen", layout)
        said = refused(planted)
        assert "elsewhere" in said or "another file" in said


def test_damaged_files_are_input_errors(saved: dict[str, Any], tmp_path: Path) -> None:
    _, (archive, hdf5) = saved["sequential"]
    cases = {
        "cut.h5": hdf5.read_bytes()[:5000],
        "bare.h5": _bytes_of_hdf5(),
        "nested.keras": change(archive, tmp_path / "n", lambda config: config.update(x="[" * 10)).read_bytes()[:-40],
    }
    for name, data in cases.items():
        (tmp_path / name).write_bytes(data)
        refused(tmp_path / name)
    missing = change(archive, tmp_path / "missing.keras", lambda config: config["config"]["layers"].pop(2))
    (tmp_path / "out").mkdir()
    with pytest.raises(InputError, match="weights and layers do not fit"):
        translate(Source("m", missing, "", {}), tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []
    change(archive, tmp_path / "class.keras", lambda config: config.update(class_name="Subclassed"))
    assert "a model of the class 'Subclassed'" in refused(tmp_path / "class.keras")


def _bytes_of_hdf5() -> bytes:
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as store:
        store["x"] = np.zeros(3)
    return buffer.getvalue()


def test_an_archive_that_unpacks_too_far_is_refused(saved: dict[str, Any], tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bomb.keras", "w", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr("metadata.json", "{}")
        bomb.writestr("config.json", "{}")
        bomb.writestr("model.weights.h5", bytes(64 * 2**20))
    # 64 MB of zeros; past a thousand times its size deflate cannot go, so the bound on bytes is lowered here.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keras_file, "LARGEST_WEIGHTS", 2**20)
        assert "unpacks to" in refused(tmp_path / "bomb.keras")


def adopted(file: Path, out: Path, *labels: str) -> Model:
    out.mkdir()
    made = lookup.step("load model").function(
        Source("a model", file, "", {}), tiny.labelled(*labels), out=out, task="image-classification"
    )
    assert isinstance(made, Model)
    return made


def test_a_keras_model_is_taken_over_with_its_head_or_a_new_one(saved: dict[str, Any], tmp_path: Path) -> None:
    network, files = saved["functional"]
    kept = adopted(files[0], tmp_path / "kept", "0", "1")
    image = np.random.default_rng(2).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    with Predictor(kept) as predictor:
        (answer,) = predictor.predict([{"image": file.getvalue()}])
    expected = network.predict(image[None].astype(np.float32) / 255, verbose=0)[0, 0]
    assert answer["scores"]["1"] == pytest.approx(float(expected), abs=1e-5)
    renewed = adopted(files[1], tmp_path / "renewed", "ant", "bee", "fly")
    assert renewed.labels == ("ant", "bee", "fly")
    with Predictor(renewed) as predictor:
        assert set(predictor.predict([{"image": file.getvalue()}])[0]["scores"]) == {"ant", "bee", "fly"}


def test_the_user_names_the_classes_of_its_head(saved: dict[str, Any], tmp_path: Path) -> None:
    _, files = saved["functional"]
    step, source = lookup.step("load model"), Source("a model", files[0], "", {})
    image = [{"image": tiny.image("bright")}]
    answers: list[Any] = []
    for labels, data in ((["no", "yes"], None), (["no", "yes"], tiny.labelled("yes", "no")), (None, None)):
        (out := tmp_path / str(len(answers))).mkdir()
        made = step.function(source, data, out=out, task="image-classification", labels=labels)
        assert isinstance(made, Model)
        with Predictor(made) as predictor:
            answers.append(predictor.predict(image)[0]["scores"])
    assert answers[0] == answers[1] == {"no": answers[2]["0"], "yes": answers[2]["1"]}
    (tmp_path / "out").mkdir()
    with pytest.raises(InputError, match="3 labels for a head of 2 classes"):
        step.function(source, None, out=tmp_path / "out", task="image-classification", labels=["a", "b", "c"])


def test_a_network_over_no_images_is_refused(tmp_path: Path) -> None:
    network = keras.Sequential([keras.Input((4,)), kl.Dense(2, activation="softmax")])
    network.save(tmp_path / "rows.keras")
    with pytest.raises(InputError, match=r"rows of the shape \(4,\)"):
        adopted(tmp_path / "rows.keras", tmp_path / "out", "0", "1")
