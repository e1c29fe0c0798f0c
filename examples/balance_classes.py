"""Questions 21 and 39: a class of 3.3% is oversampled as scikit-learn does it, and by five other ways.

python examples/balance_classes.py FOLDER
"""

import os
import sys
from collections import Counter
from pathlib import Path

folder = Path(sys.argv[1])
os.environ.setdefault("MODELYARD_HOME", str(folder / ".modelyard"))

from sklearn.utils import resample  # noqa: E402

import modelyard  # noqa: E402 - the yard's place is chosen first

RECIPE = """
modelyard: 1
name: credit-card
task: tabular-classification
data:
  source: pypi:ISLP==0.6.0/ISLP/data/Default.csv
  columns: {label: default, features: [student, balance, income]}
  split: {train: 0.7, validation: 0, test: 0.3, by: label}
steps:
STEPS
  - evaluate
"""
WAYS = {
    "as it is": ["fit linear"],
    "oversample": ["balance oversample", "fit linear"],
    "undersample": ["balance undersample", "fit linear"],
    "smote": ["balance smote", "fit linear"],
    "weights": ["balance weights", "fit linear"],
    "ensemble": ["balance ensemble: {members: 5}"],
}

yard = modelyard.Yard.default()
reports = {}
for name, steps in WAYS.items():
    recipe = folder / "credit-card.yaml"
    recipe.write_text(RECIPE.replace("STEPS", "\n".join(f"  - {step}" for step in steps)))
    built = modelyard.build(recipe, yard)
    reports[name] = built.report
    results = dict(built.results)
    if name == "oversample":
        # What the exercise does by hand: the rows of the small class, drawn with repetition.
        before, after = (results[step].artifact.column("train", "label") for step in ("data", "1 balance oversample"))
        drawn = resample([label for label in before if label == "Yes"], n_samples=before.count("No"), random_state=0)
        print("scikit-learn:", {"No": before.count("No"), "Yes": len(drawn)}, "modelyard:", dict(Counter(after)))
    (report,) = (result.artifact for step, result in results.items() if step.endswith("evaluate"))
    measures = report.findings.measures
    shown = "".join(f"  {key} {measures[key].value:.3f}" for key in ("recall", "precision", "f1", "pr_auc"))
    print(f"{name:<12}{shown}")
print("with a picture of the classes before and after:", reports["smote"])
