"""Questions 7, 15 and 32: a Keras model trained elsewhere gets a new head, is trained on, and moves to other runtimes.

python examples/move_a_keras_model.py
"""

import base64
import csv
import io
import os
import tempfile
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "torch")

import keras
import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

import modelyard
from modelyard.core.errors import InputError
from modelyard.core.predictor import Predictor

folder = Path(tempfile.mkdtemp())
digits = load_digits()
images = np.asarray(digits.images, dtype=np.float32)[..., None] / 16

# Elsewhere: a small network learns the digits 0 to 4.
keras.utils.set_random_seed(0)
network = keras.Sequential(
    [
        keras.Input((8, 8, 1)),
        keras.layers.Conv2D(16, 3, padding="same", activation="relu"),
        keras.layers.MaxPooling2D(2),
        keras.layers.Conv2D(32, 3, padding="same", activation="relu"),
        keras.layers.GlobalAveragePooling2D(),
        keras.layers.Dense(5, activation="softmax"),
    ]
)
network.compile("adam", "sparse_categorical_crossentropy")
known = digits.target < 5
network.fit(images[known], digits.target[known], epochs=8, batch_size=32, verbose=0)
network.save(folder / "digits.keras")


def png(image: np.ndarray) -> str:
    file = io.BytesIO()
    Image.fromarray((image[..., 0] * 255).astype(np.uint8)).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def table(name: str, chosen: np.ndarray) -> Path:
    path = folder / name
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["image", "digit"])
        writer.writerows((png(images[number]), digits.target[number]) for number in np.flatnonzero(chosen))
    return path


columns = {"columns": {"image": "image", "label": "digit"}, "split": {"train": 0.7, "validation": 0.1, "test": 0.2}}
known_rows = modelyard.load.data(modelyard.fetch(str(table("known.csv", known))), **columns)
imported = modelyard.load.model(modelyard.fetch(str(folder / "digits.keras")), known_rows, task="image-classification")
rows = known_rows.rows("test")
with Predictor(imported) as predictor:
    ours = predictor.predict(rows)
theirs = network.predict(np.stack([images[known][row["row"]] for row in rows]), verbose=0)
same = np.mean([answer["label"] == str(best) for answer, best in zip(ours, theirs.argmax(axis=1), strict=True)])
print(f"imported: same class as Keras on {same:.3f} of {len(rows)} rows")

# Here: ten digits, so a new head, and some more training.
all_rows = modelyard.load.data(modelyard.fetch(str(table("all.csv", digits.target < 10))), **columns)
renewed = modelyard.load.model(modelyard.fetch(str(folder / "digits.keras")), all_rows, task="image-classification")
tuned = modelyard.finetune.full(renewed, all_rows, epochs=20.0, learning_rate=0.01)
report = modelyard.evaluate(tuned, all_rows)
print(f"ten digits: accuracy {report.findings.measures['accuracy'].value:.3f}")

exports = {
    "onnxruntime": modelyard.export.onnxruntime,
    "openvino": modelyard.export.openvino,
    "litert": modelyard.export.litert,
}
for name, export in exports.items():
    try:
        moved = export(tuned)
    except InputError as error:
        # The converter of LiteRT lives in an environment of its own; the error prints the commands that make it.
        print(f"{name} left out: {error}")
        continue
    compared = modelyard.compare(modelyard.evaluate(moved, all_rows), report, task="image-classification")
    measures = compared.findings.measures
    agreement, difference = measures["agreement"].value, measures["largest_difference"].value
    print(f"{name}: agreement {agreement:.3f}, largest difference {difference:.1e}, {moved.size_bytes / 1e3:.0f} KB")
