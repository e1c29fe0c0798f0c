"""A SavedModel of TensorFlow answers here as there, in its own environment; what could reach outside is not opened."""

from __future__ import annotations

import io
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.predictor import Predictor
from modelyard.formats import saved_model
from modelyard.sources import fetch
from modelyard.testing import check_step, tiny

IMAGES = [tiny.image(kind, seed, height=12, width=10) for seed in range(3) for kind in ("bright", "dark")]

MAKE = """
import sys
import numpy as np
import tensorflow as tf

folder = sys.argv[1]
trace = folder + "/trace"
tf.keras.utils.set_random_seed(0)
layers = tf.keras.layers
network = tf.keras.Sequential([
    tf.keras.Input((12, 10, 3)), layers.Rescaling(4.0), layers.Conv2D(8, 3, strides=2, activation="relu"),
    layers.BatchNormalization(), layers.GlobalAveragePooling2D(), layers.Dense(3, activation="softmax"),
])
network.export(folder + "/image", verbose=False)
np.save(folder + "/answers.npy", network.predict(np.load(folder + "/pixels.npy"), verbose=0))

def writes(x):
    with tf.control_dependencies([tf.io.write_file(trace, "gotcha")]):
        return x * 2

def reads(x):
    return x * tf.cast(tf.strings.length(tf.io.read_file(trace)), tf.float32)

def restores(x):
    return x * tf.raw_ops.RestoreV2(prefix=trace, tensor_names=["w"], shape_and_slices=[""], dtypes=[tf.float32])[0]

def python(x):
    return tf.py_function(lambda v: v, [x], tf.float32)

for function in (writes, reads, restores, python):
    module = tf.Module()
    module.call = tf.function(function, input_signature=[tf.TensorSpec((None, 3), tf.float32, name="x")])
    tf.saved_model.save(module, folder + "/" + function.__name__, signatures={"serving_default": module.call})
"""


def python_of_tensorflow() -> Path:
    try:
        return saved_model.ENVIRONMENT.find_python()
    except InputError as error:
        pytest.skip(f"{error.what}; {error.fix}")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """SavedModels that TensorFlow wrote in its own environment, and what one of them answers there."""
    python = python_of_tensorflow()
    folder = tmp_path_factory.mktemp("saved")
    pixels = np.stack([np.asarray(Image.open(io.BytesIO(image))) for image in IMAGES]).astype(np.float32) / 255
    np.save(folder / "pixels.npy", pixels)
    command = [str(python), "-c", MAKE, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, env={"CUDA_VISIBLE_DEVICES": ""})
    assert done.returncode == 0, done.stderr[-2000:]
    return folder


@pytest.mark.slow
def test_a_classifier_answers_as_tensorflow_does(folder: Path) -> None:
    options = {"task": "image-classification", "labels": ["a", "b", "c"]}
    model = check_step("load model", [fetch(str(folder / "image")), None], options)
    assert isinstance(model, Model)
    assert model.runtime == "onnxruntime"
    assert any("probabilities" in line for line in model.assumed)
    assert any("pixels 0..1" in line for line in model.assumed)
    with Predictor(model) as predictor:
        answers = predictor.predict([{"image": image} for image in IMAGES])
    found = np.array([list(answer["scores"].values()) for answer in answers])
    np.testing.assert_allclose(found, np.load(folder / "answers.npy"), atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("writes", "WriteFile may reach outside"),
        ("reads", "ReadFile may reach outside"),
        ("restores", "depend on files, by RestoreV2"),
        ("python", "PyFunc may reach outside"),
    ],
)
def test_what_reaches_outside_is_not_opened(folder: Path, kind: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        check_step("load model", [fetch(str(folder / kind)), None], {"task": "tabular-classification"})
    assert not (folder / "trace").exists()


@pytest.mark.slow
def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    python_of_tensorflow()
    (tmp_path / saved_model.FILE).write_bytes(b"no SavedModel")
    with pytest.raises(InputError, match="no SavedModel"):
        check_step("load model", [fetch(str(tmp_path)), None], {"task": "image-classification"})


def test_a_missing_environment_prints_the_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(saved_model.ENVIRONMENT.variable, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / saved_model.FILE).write_bytes(b"anything")
    with pytest.raises(InputError, match="no environment") as error:
        check_step("load model", [fetch(str(tmp_path / "model")), None], {"task": "image-classification"})
    assert f"-m venv {tmp_path}/cache/modelyard/environments/tensorflow && " in error.value.fix
    assert "bin/pip install tensorflow-cpu==2.21.0 tf2onnx==1.17.0" in error.value.fix
