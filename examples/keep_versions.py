"""Question 12: keep, load and test versions of a model; here on a tiny model, so that it takes seconds.

python examples/keep_versions.py FOLDER
"""

import os
import sys
from pathlib import Path

folder = Path(sys.argv[1])
os.environ.setdefault("MODELYARD_HOME", str(folder / ".modelyard"))

import modelyard  # noqa: E402 - the yard's place is chosen first
from modelyard.core.predictor import Predictor  # noqa: E402
from modelyard.testing.tiny import LABELS, TEXTS, write_encoder  # noqa: E402

RECIPE = """
modelyard: 1
name: tiny
task: text-classification
model: ./encoder
data:
  source: ./texts.csv
  columns: {text: text, label: label}
  split: {train: 0.6, validation: 0.2, test: 0.2, by: label}
steps:
  - finetune: {epochs: EPOCHS, batch_size: 8, learning_rate: 0.003}
  - evaluate
require:
  accuracy: ">= 0.8"
"""

write_encoder(folder / "encoder")
rows = [f"{text} {number},{label}" for number in range(20) for text, label in zip(TEXTS, LABELS, strict=True)]
(folder / "texts.csv").write_text("\n".join(["text,label", *rows]))

yard = modelyard.Yard.default()
for epochs in ("4", "6"):
    recipe = folder / "tiny.yaml"
    recipe.write_text(RECIPE.replace("EPOCHS", epochs))
    built = modelyard.build(recipe, yard)
    print(built.version.reference, built.verdict.value)
    yard.promote(built.version.reference)

print("production:", yard.resolve("tiny@production").reference)
print("rolled back to:", yard.rollback("tiny").reference)
print("changed:", *(line for line in yard.diff("tiny:1", "tiny:2").recipe.splitlines() if line[0] in "+-"), sep="\n  ")

with Predictor(yard.model(yard.resolve("tiny"))) as predictor:
    print(predictor.predict([{"text": "claim your cash prize now"}]))
