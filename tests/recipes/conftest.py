"""A whole small project: a tiny encoder, a table of texts and a recipe that builds in seconds."""

from __future__ import annotations

import csv
import random
from pathlib import Path

import pytest

from modelyard.testing.tiny import LABELS, TEXTS, write_encoder
from modelyard.yard.yard import Yard

RECIPE = """\
modelyard: 1
name: tiny-spam
task: text-classification
model: ./encoder
data:
  source: ./texts.csv
  columns: {text: message, label: kind}
  split: {train: 0.6, validation: 0.2, test: 0.2, by: label}
steps:
  - mask: {kinds: [email]}
  - finetune: {epochs: 8, batch_size: 8, learning_rate: 0.003}
  - evaluate
require:
  accuracy: ">= 0.6"
  error_rate: "<= 0.01"
"""


@pytest.fixture(scope="session")
def tiny_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_encoder(tmp_path_factory.mktemp("tiny") / "encoder")


@pytest.fixture
def project(tmp_path: Path, tiny_encoder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with ``recipe.yaml``, ``texts.csv`` and ``encoder``; the current folder and the yard are there."""
    (tmp_path / "encoder").symlink_to(tiny_encoder)
    write_texts(tmp_path / "texts.csv")
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MODELYARD_HOME", str(tmp_path / "yard"))
    return tmp_path


@pytest.fixture
def converting(project: Path) -> Path:
    """The recipe with a conversion, and a requirement against the model before it; exporting takes a while."""
    path = project / "converting.yaml"
    text = RECIPE.replace("  - evaluate\n", "  - quantize dynamic\n  - evaluate\n")
    path.write_text(text + "  f1: {max_drop: 0.2, against: base}\n")
    return path


@pytest.fixture
def yard(project: Path) -> Yard:
    return Yard.default()


def write_texts(path: Path, rows: int = 150) -> None:
    """Texts whose class is plain from their words, with the words shuffled."""
    source = random.Random(0)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["message", "kind"])
        for number in range(rows):
            words = TEXTS[number % len(TEXTS)].split()
            source.shuffle(words)
            writer.writerow([f"{' '.join(words)} {number} a{number}@example.org", LABELS[number % len(TEXTS)]])
