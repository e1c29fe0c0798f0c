"""Question 23: rules, human review, and corrections that weigh more when the model is fitted again.

python examples/let_people_decide.py FOLDER

A logistic model learns from forty rows. Four hundred come by on a server: a rule answers the clear ones, the doubtful
wait for a person, whose decisions join the next build with three times the weight.
"""

import json
import os
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.datasets import load_breast_cancer

folder = Path(sys.argv[1])
os.environ.setdefault("MODELYARD_HOME", str(folder / ".modelyard"))

import modelyard  # noqa: E402 - the yard's place is chosen first

COLUMNS = ["mean texture", "mean smoothness", "mean symmetry", "worst area"]
JSON = {"content-type": "application/json"}
RECIPE = """\
modelyard: 1
name: tumours
task: tabular-classification
data:
  source: SOURCE
  columns: {label: diagnosis, features: [mean texture, mean smoothness, mean symmetry, worst area]}
  split: {train: 0.9, validation: 0.1, test: 0}
steps:
  - fit linear
  - evaluate
serve:
  rules: [{when: "`worst area` > 2500", answer: malignant, name: huge}]
  review: {confidence_below: 0.9}
require:
  accuracy: ">= 0.8"
"""

tumours = load_breast_cancer(as_frame=True)
table = tumours.frame[COLUMNS].assign(diagnosis=np.asarray(tumours.target_names)[tumours.target])
table = table.sample(frac=1, random_state=0)
past, live, future = table[:40], table[40:440], table[440:]
past.to_csv(folder / "past.csv", index=False)
future.to_csv(folder / "future.csv", index=False)


def build(source: str) -> Any:
    recipe = folder / "tumours.yaml"
    recipe.write_text(RECIPE.replace("SOURCE", source))
    return modelyard.build(recipe, yard)


def ask(path: str, content: Any = None) -> Any:
    body = None if content is None else json.dumps(content).encode()
    with urllib.request.urlopen(urllib.request.Request(address + path, body, JSON), timeout=60) as answer:
        return json.load(answer)


yard = modelyard.Yard.default()
first = build("{train: ./past.csv, test: ./future.csv}")
yard.promote(first.version.reference, force=True)

command = [sys.executable, "-m", "modelyard.cli.main"]
server = subprocess.Popen(
    [*command, "serve", "tumours", "--port", "0", "--workers", "1"], stderr=subprocess.PIPE, text=True
)
try:
    address = next(line.split()[-1] for line in server.stderr if "serving" in line)
    threading.Thread(target=server.stderr.read, daemon=True).start()  # a full pipe would stop the server
    columns = [{"name": name, "datatype": "FP64", "shape": [len(live)], "data": [*live[name]]} for name in COLUMNS]
    answers = ask("/v2/models/tumours/infer", {"inputs": columns})
    print("answered by the rule:", len(answers.get("parameters", {})))
    (scores,) = (output["data"] for output in answers["outputs"] if output["name"] == "score")
    doubtful = sum(score < 0.9 for score in scores)
    waiting: list[Any] = []
    while len(waiting) < doubtful:  # they are written beside the answers
        waiting = ask("/v2/reviews?model=tumours&state=waiting&limit=1000")["reviews"]
    print(f"waiting for a person: {len(waiting)} of {len(live)}")
    # The person of this example knows the truth.
    truth = {tuple(row[:-1]): row[-1] for row in live.itertuples(index=False)}
    for review in waiting:
        row = tuple(review["inputs"][name] for name in COLUMNS)
        ask(f"/v2/reviews/{review['id']}/decide", {"label": truth[row]})
finally:
    server.terminate()
    server.wait()

subprocess.run([*command, "review", "export", "tumours", "--weight", "3"], check=True)
second = build('{train: ./past.csv, test: ./future.csv, reviewed: "yard:tumours-review"}')
for built in (first, second):
    accuracy = built.release.body["measures"]["accuracy"]
    low, high = accuracy["low"], accuracy["high"]
    print(f"{built.version.reference}: accuracy {accuracy['value']:.3f} ({low:.3f} to {high:.3f})")
