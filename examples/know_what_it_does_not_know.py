"""Question 9: how uncertain a model is: calibration, conformal sets, an ensemble, dropout passes, abstention.

python examples/know_what_it_does_not_know.py [FOLDER FOR PICTURES]
"""

import sys
from pathlib import Path

import modelyard
from modelyard.render.figures import draw_png

rows = modelyard.load.data(
    modelyard.fetch("sklearn:digits"),
    columns={"label": "target", "features": "*"},
    split={"train": 0.3, "validation": 0.35, "test": 0.35, "by": "label"},
)
forests = [modelyard.fit.forest(rows, task="tabular-classification", n_estimators=10, seed=seed) for seed in range(5)]


def show(name, report, *measures):
    found = [(measure, report.findings.measures[measure]) for measure in measures]
    spans = [f"{measure} {item.value:.3f} ({item.low:.3f} to {item.high:.3f})" for measure, item in found]
    print(f"{name:<24} {', '.join(spans)}")


plain = forests[0]
# A forest of ten trees gives some classes no probability at all, which no temperature could lift.
calibrated = modelyard.calibrate.isotonic(plain, rows)
show("as it is", modelyard.evaluate(plain, rows), "accuracy", "calibration_error")
show("calibrated", modelyard.evaluate(calibrated, rows), "accuracy", "calibration_error")

sets = modelyard.conformal.sets(calibrated, rows, level=0.95)
show("sets that promise 0.95", modelyard.evaluate(sets, rows), "set_coverage", "set_size")

together = modelyard.ensemble.average(*forests)
show("five forests as one", modelyard.evaluate(together, rows), "accuracy")
show("their disagreement", modelyard.uncertainty.ensemble(plain, rows, *forests[1:]), "error_auc")

abstaining = modelyard.abstain(calibrated, rows, coverage=0.8)
show("the surest four fifths", abstaining, "accuracy_at_coverage", "aurc")
picture = draw_png(abstaining.findings.figures[0])
(Path(sys.argv[1] if len(sys.argv) > 1 else ".") / "abstaining.png").write_bytes(picture)

network = modelyard.load.model(modelyard.fetch("new:mlp?hidden=64&dropout=0.2"), rows, task="tabular-classification")
network = modelyard.finetune.full(network, rows, epochs=20, learning_rate=0.003)
show("twenty dropout passes", modelyard.uncertainty.dropout(network, rows), "averaged_accuracy", "error_auc")
