"""Question 24: what Prometheus scrapes from a server, and how a drift of its rows shows there.

python examples/watch_a_model.py FOLDER

Writes a scrape configuration and alerting rules out of the requirements, serves a logistic model, sends it rows like
those that it was proven on, then rows from a scanner that reads areas twice as large.
"""

import json
import os
import re
import subprocess
import sys
import urllib.request
from pathlib import Path

import pandas as pd
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
  source: sklearn:breast_cancer
  columns: {label: target, features: [mean texture, mean smoothness, mean symmetry, worst area]}
  split: {train: 0.3, validation: 0.1, test: 0.6}
steps:
  - fit linear
  - evaluate
require:
  accuracy: ">= 0.85"
  error_rate: "<= 0.01"
"""
SCRAPED = """\
global: {scrape_interval: 15s}
rule_files: [alerts.yml]
scrape_configs:
  - job_name: modelyard
    static_configs: [{targets: ["ADDRESS"]}]
"""

(folder / "tumours.yaml").write_text(RECIPE)
yard = modelyard.Yard.default()
yard.promote(modelyard.build(folder / "tumours.yaml", yard).version.reference)
rows = load_breast_cancer(as_frame=True).frame[COLUMNS]

command = [sys.executable, "-m", "modelyard.cli.main"]
server = subprocess.Popen(
    [*command, "serve", "tumours", "--port", "0", "--workers", "1"], stderr=subprocess.PIPE, text=True
)


def drifted() -> str:
    watched = subprocess.run(
        [*command, "watch", "tumours", "--url", address, "--json"], capture_output=True, text=True, check=False
    )
    features = [item for item in json.loads(watched.stdout)["features"] if item["verdict"] == "not met"]
    return ", ".join(f"{item['feature']} (index {item['psi']:.2f})" for item in features) or "nothing"


def ask(read: pd.DataFrame) -> None:
    columns = [{"name": name, "datatype": "FP64", "shape": [len(read)], "data": [*read[name]]} for name in COLUMNS]
    body = json.dumps({"inputs": columns}).encode()
    request = urllib.request.Request(f"{address}/v2/models/tumours/infer", body, JSON)
    urllib.request.urlopen(request, timeout=60).read()


try:
    address = next(line.split()[-1] for line in server.stderr if "serving" in line)
    (folder / "prometheus.yml").write_text(SCRAPED.replace("ADDRESS", address.removeprefix("http://")))
    subprocess.run([*command, "watch", "tumours", "--prometheus-rules", str(folder / "alerts.yml")], check=True)
    ask(rows[:150])
    print("drifted, of rows as they were:", drifted())
    ask(rows[150:500].assign(**{"worst area": rows["worst area"] * 2}))
    print("drifted, from the other scanner:", drifted())
    with urllib.request.urlopen(f"{address}/metrics", timeout=60) as answer:
        scraped = answer.read().decode()
    print(*re.findall(r"^modelyard_predictions_total.*", scraped, re.M), sep="\n")
finally:
    server.terminate()
    server.wait()
print(f"prometheus --config.file={folder / 'prometheus.yml'}")
