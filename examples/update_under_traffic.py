"""Question 25: a new version takes over while requests come in; one that is worse does not.

python examples/update_under_traffic.py FOLDER

Kubernetes' rolling update waits until a new container answers at all. A rollout waits until the answers keep the
requirements.
"""

import json
import os
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from pathlib import Path

from sklearn.datasets import load_breast_cancer

folder = Path(sys.argv[1])
os.environ.setdefault("MODELYARD_HOME", str(folder / ".modelyard"))

import modelyard  # noqa: E402 - the yard's place is chosen first

JSON = {"content-type": "application/json"}
RECIPE = """\
modelyard: 1
name: tumours
task: tabular-classification
data:
  source: sklearn:breast_cancer
  columns: {label: target, features: "*"}
  split: {train: 0.6, validation: 0.1, test: 0.3}
steps:
  - fit linear: {l2: STRENGTH}
  - evaluate
  - benchmark
require:
  accuracy: ">= 0.9"
  latency_p95_ms: "<= 100"
"""


def build(strength: float) -> str:
    recipe = folder / "tumours.yaml"
    recipe.write_text(RECIPE.replace("STRENGTH", str(strength)))
    return modelyard.build(recipe, yard).version.reference


yard = modelyard.Yard.default()
yard.promote(build(1.0))
better, worse = build(0.1), build(5000.0)

rows = load_breast_cancer(as_frame=True).frame.drop(columns="target")
bodies = [
    json.dumps({"inputs": [{"name": name, "datatype": "FP64", "shape": [1], "data": [value]} for name, value in row]})
    for row in (list(row.items()) for row in rows.to_dict("records"))
]
command = [sys.executable, "-m", "modelyard.cli.main"]
server = subprocess.Popen(
    [*command, "serve", "tumours", "--port", "0", "--workers", "1"], stderr=subprocess.PIPE, text=True
)
address = next(line.split()[-1] for line in server.stderr if "serving" in line)
threading.Thread(target=server.stderr.read, daemon=True).start()  # a full pipe would stop the server
answered: Counter[str] = Counter()
done = threading.Event()


def call() -> None:
    """Asks without a pause until it is over; whatever is not answered counts as failed."""
    while not done.is_set():
        body = bodies[answered.total() % len(bodies)].encode()
        request = urllib.request.Request(f"{address}/v2/models/tumours/infer", body, JSON)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                answered[json.load(answer)["model_version"]] += 1
        except OSError:
            answered["failed"] += 1


def roll_out(reference: str) -> None:
    subprocess.run(
        [*command, "rollout", reference, "--interval", "1", "--step-weight", "50", "--force"],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    while True:
        status = json.loads(
            subprocess.run(
                [*command, "rollout", "tumours", "--status", "--json"], capture_output=True, check=True
            ).stdout
        )
        if status["state"] != "running":
            break
        time.sleep(0.5)
    print(f"{reference}: {status['state']}; production is {yard.resolve('tumours@production').reference}")


caller = threading.Thread(target=call)
caller.start()
try:
    roll_out(better)
    roll_out(worse)
finally:
    done.set()
    caller.join()
    server.terminate()
    server.wait()
print("failed:", answered["failed"])
print("answered by each version:", dict(sorted(answered.items())))
