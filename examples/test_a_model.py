"""Questions 12, 31 and 35: automated tests for every version of a model, by pytest.

python examples/test_a_model.py FOLDER
"""

import subprocess
import sys
from pathlib import Path

import modelyard
from modelyard.render.figures import draw_png

folder = Path(sys.argv[1])
suite = folder / "tumours.suite.yaml"
suite.write_text(
    """\
suite: 1
generated: true
cases:
  - name: a small smooth tumour is benign
    row: {features: {mean radius: 9, mean concavity: 0.01, worst area: 300, worst concave points: 0.03}}
    expect: benign
  - name: a large rough tumour is malignant
    row: {features: {mean radius: 22, mean concavity: 0.3, worst area: 2200, worst concave points: 0.25}}
    expect: malignant
  - name: growing never makes it more harmless
    row: {features: {mean radius: 13, mean concavity: 0.08, worst area: 600, worst concave points: 0.1}}
    becomes: {features: {mean radius: 13, mean concavity: 0.08, worst area: 1500, worst concave points: 0.1}}
    rises: malignant
  - name: a measurement that is missing is refused
    row: {features: {mean radius: null, mean concavity: 0.08, worst area: 600, worst concave points: 0.1}}
    outcome: refused
""",
    encoding="utf-8",
)

tumours = modelyard.load.data(
    modelyard.fetch("sklearn:breast_cancer"),
    columns={
        "label": "target",
        "features": ["mean radius", "mean concavity", "worst area", "worst concave points"],
    },
)
model = modelyard.fit.linear(tumours, task="tabular-classification")
report = modelyard.test(model, modelyard.fetch(str(suite)))
for name, measure in report.findings.measures.items():
    print(f"{name}: {measure.value:g} of {measure.n} cases")
(folder / "tests.png").write_bytes(draw_png(report.findings.figures[0]))

command = [sys.executable, "-m", "pytest", "-p", "modelyard.pytest_plugin", "-rA", "-q", str(suite)]
print(subprocess.run([*command, "--modelyard-model", str(model.path)], capture_output=True, text=True).stdout)
