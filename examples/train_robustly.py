"""Question 9: augmentation, L1 and L2 penalties and dropout, each against over-fitting on 114 of 569 tumours.

python examples/train_robustly.py FOLDER
"""

import os
import sys
from pathlib import Path

folder = Path(sys.argv[1])
os.environ.setdefault("MODELYARD_HOME", str(folder / ".modelyard"))

import modelyard  # noqa: E402 - the yard's place is chosen first

RECIPE = """
modelyard: 1
name: tumours
task: tabular-classification
model: new:mlp?hidden=64,64
data:
  source: sklearn:breast_cancer
  columns: {label: target, features: "*"}
  split: {train: 0.2, validation: 0, test: 0.8, by: label}
steps:
STEPS
  - evaluate
"""
WAYS = {
    "nothing": ["finetune: {epochs: 120}"],
    "augmentation": ["augment noise: {copies: 3, deviation: 0.3}", "finetune: {epochs: 30}"],
    "mixup": ["augment mixup: {copies: 3}", "finetune: {epochs: 20}"],
    "L1": ["finetune: {epochs: 120, l1: 0.03}"],
    "L2": ["finetune: {epochs: 120, weight_decay: 1.0}"],
    "dropout": ["finetune: {epochs: 120, dropout: 0.5}"],
    "all": ["augment mixup: {copies: 3}", "finetune: {epochs: 20, l1: 0.01, weight_decay: 0.3, dropout: 0.3}"],
}

yard = modelyard.Yard.default()
for name, steps in WAYS.items():
    lines = [step.replace("{epochs", "{learning_rate: 0.005, epochs") for step in steps]
    recipe = folder / "tumours.yaml"
    recipe.write_text(RECIPE.replace("STEPS", "\n".join(f"  - {line}" for line in lines)))
    built = modelyard.build(recipe, yard)
    (report,) = (result.artifact for step, result in built.results if step.endswith("evaluate"))
    measures = report.findings.measures
    print(f"{name:<14}accuracy {measures['accuracy'].value:.3f}  log loss {measures['log_loss'].value:.3f}")
print("with the curve of the loss:", built.report)
