"""What each way of balancing does to the scores of a rare class: who defaults on a credit card, 3.3% of 10,000 people.

One split, the scores of its 3,000 test rows, which nobody balances; a linear model and a small network.

    MODELYARD_HOME=$(mktemp -d) python benchmarks/balance.py
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import modelyard
from modelyard.core.dataset import Dataset
from modelyard.core.model import Model

TABLE = "pypi:ISLP==0.6.0/ISLP/data/Default.csv"
TASK = "tabular-classification"
MEASURES = ("precision", "recall", "f1", "recall_macro", "pr_auc", "log_loss")
"""The mean of the classes' recalls is what others call balanced accuracy; the area is average precision."""
METHODS: Mapping[str, Callable[[Dataset], Dataset]] = {
    "as it is": lambda data: data,
    "oversample": modelyard.balance.oversample,
    "undersample": modelyard.balance.undersample,
    "smote": modelyard.balance.smote,
    "weights": modelyard.balance.weights,
    "focal": modelyard.balance.focal,
    "focal and weights": lambda data: modelyard.balance.weights(modelyard.balance.focal(data)),
}


def show(kind: str, method: str, model: Model, data: Dataset) -> None:
    measures = modelyard.evaluate(model, data).findings.measures
    numbers = "".join(f"{measures[name].value or 0.0:14.3f}" for name in MEASURES)
    print(f"{kind:<8}{method:<20}{numbers}", flush=True)


def main() -> None:
    data = modelyard.load.data(
        modelyard.fetch(TABLE),
        columns={"label": "default", "features": ["student", "balance", "income"]},
        split={"train": 0.6, "validation": 0.1, "test": 0.3, "by": "label"},
    )
    network = modelyard.load.model(modelyard.fetch("new:mlp?hidden=16"), data, task=TASK)
    training = {"epochs": 5, "learning_rate": 0.01, "batch_size": 64}
    print(" " * 28 + "".join(f"{name:>14}" for name in MEASURES))
    for method, balance in METHODS.items():
        if "focal" not in method:
            show("linear", method, modelyard.fit.linear(balance(data), task=TASK), data)
    show("linear", "ensemble of 10", modelyard.balance.ensemble(data, task=TASK, members=10), data)
    for method, balance in METHODS.items():
        show("network", method, modelyard.finetune(network, balance(data), **training), data)
    members = modelyard.balance.ensemble(data, network, task=TASK, members=5, options=training)
    show("network", "ensemble of 5", members, data)


if __name__ == "__main__":
    main()
