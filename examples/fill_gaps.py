"""Question 40: a table with gaps, filled as SimpleImputer does it and in better ways; a request has gaps too.

python examples/fill_gaps.py FOLDER
"""

import csv
import os
import sys
from pathlib import Path

folder = Path(sys.argv[1])
os.environ.setdefault("MODELYARD_HOME", str(folder / ".modelyard"))

import numpy as np  # noqa: E402
from sklearn.impute import SimpleImputer  # noqa: E402

import modelyard  # noqa: E402 - the yard's place is chosen first
from modelyard.core.predictor import Predictor  # noqa: E402

RECIPE = """
modelyard: 1
name: tumours
task: tabular-classification
data:
  source: ./tumours.csv
  columns: {label: target, features: "*"}
  split: {train: 0.7, validation: 0, test: 0.3, by: label}
  missing: keep
steps:
  - METHOD
  - fit linear
  - evaluate
"""

with modelyard.fetch("sklearn:breast_cancer").path.open(encoding="utf-8", newline="") as file:
    names, *rows = csv.reader(file)
random = np.random.default_rng(0)
with (folder / "tumours.csv").open("w", encoding="utf-8", newline="") as file:
    gaps = [["" if random.random() < 0.3 else cell for cell in cells[:-1]] + cells[-1:] for cells in rows]
    csv.writer(file).writerows([names, *gaps])

yard = modelyard.Yard.default()
for method in ("mean", "median", "nearest", "iterative", "gan"):
    recipe = folder / "tumours.yaml"
    recipe.write_text(RECIPE.replace("METHOD", f"impute {method}"))
    built = modelyard.build(recipe, yard)
    results = dict(built.results)
    if method == "mean":
        table, filled = (
            np.array([list(row.values()) for row in results[step].artifact.column("train", "features")], dtype=float)
            for step in ("data", "1 impute mean")
        )
        apart = np.abs(SimpleImputer(strategy="mean").fit_transform(table) - filled).max()
        print(f"{np.isnan(table).mean():.0%} of the cells are empty; from scikit-learn's SimpleImputer by {apart:.1e}")
    measures = results["3 evaluate"].artifact.findings.measures
    print(f"{method:<12}accuracy {measures['accuracy'].value:.3f}  log loss {measures['log_loss'].value:.3f}")

with Predictor(yard.model(built.version)) as predictor:
    asked = {"mean radius": 22.0, "mean texture": None, "worst area": 2400.0}
    print("two of thirty measurements:", predictor.predict([{"features": asked}])[0]["label"])
print("report:", built.report)
