"""Question 18: a Kubernetes Job with requests and limits, from what was measured and not from a guess.

python examples/size_a_batch_job.py
"""

import yaml

import modelyard
from modelyard.core.report import Report

table = modelyard.load.data(
    modelyard.fetch("sklearn:breast_cancer"),
    columns={"label": "target", "features": "*"},
    split={"train": 0.7, "validation": 0.1, "test": 0.2, "by": "label"},
)
network = modelyard.load.model(modelyard.fetch("new:mlp"), table, task="tabular-classification")
shipped = modelyard.export.onnxruntime(modelyard.finetune.full(network, table, epochs=10.0))

report = modelyard.cost(shipped, table, machine="small-cpu", threads=1, batch=50_000_000, rows=100)
if not isinstance(report, Report):
    raise TypeError("cost gives a report")
measures, (sizes,) = report.findings.measures, report.findings.tables
measured = {str(row[0]): row[1] for row in sizes.rows}
price = measures["cost_per_million"]
print(f"# a million rows: {price.value:.4f} {price.unit.split()[0]} ({price.low:.4f} to {price.high:.4f})")
print(f"# fifty million rows: {measures['batch_hours'].value:.2f} hours on one core")

resources = {
    "requests": {"cpu": "1", "memory": f"{float(measured['memory request']):.0f}M"},
    "limits": {"cpu": "1", "memory": f"{float(measured['memory limit']):.0f}M"},
}
container = {
    "name": "predict",
    "image": "modelyard:latest",
    "command": ["python", "score_rows.py"],
    "resources": resources,
}
job = {
    "apiVersion": "batch/v1",
    "kind": "Job",
    "metadata": {"name": "score-rows"},
    "spec": {"backoffLimit": 3, "template": {"spec": {"restartPolicy": "Never", "containers": [container]}}},
}
print(yaml.safe_dump(job, sort_keys=False))
