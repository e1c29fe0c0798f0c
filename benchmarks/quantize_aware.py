"""What training with rounded numbers brings over rounding a trained network: the error of a regression in int8.

    python benchmarks/quantize_aware.py                     # a minute on one core

Rows are Friedman's first function (1991) of ten uniform numbers, without noise: whatever error is left is the network's
or that of rounding. A network is trained, then trained on in float32 for as long as ``quantize aware`` trains, at the
same rate, and rounded by ``quantize static``; so both have seen the rows equally often. Figures are root mean square
errors on 800 test rows.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from modelyard.core import lookup
from modelyard.core.artifact import Artifact
from modelyard.core.report import Report
from modelyard.engines.local import execute
from modelyard.sources import fetch

ROWS, COLUMNS = 4000, [f"x{number}" for number in range(10)]


class Workshop:
    """Runs steps, each in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.count = folder, 0

    def __call__(self, name: str, *inputs: Any, **options: Any) -> Artifact:
        self.count += 1
        place = self.folder / str(self.count)
        for part in ("out", "scratch"):
            (place / part).mkdir(parents=True)
        step = lookup.step(name)
        given = [*inputs, *[None] * (len(step.parameters) - len(inputs))]
        return execute(step, given, step.check_options(options), out=place / "out", scratch=place / "scratch")


def write_rows(path: Path) -> None:
    """10 sin(pi x0 x1) + 20 (x2 - 1/2)^2 + 10 x3 + 5 x4."""
    x = np.random.default_rng(0).random((ROWS, len(COLUMNS)))
    y = 10 * np.sin(np.pi * x[:, 0] * x[:, 1]) + 20 * (x[:, 2] - 0.5) ** 2 + 10 * x[:, 3] + 5 * x[:, 4]
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([[*COLUMNS, "y"], *np.column_stack([x, y]).tolist()])


def errors(do: Workshop, data: Artifact, hidden: str, seed: int, epochs: float, rate: float) -> list[float]:
    """Root mean square error in float32, after more training, that in static int8, and after ``quantize aware``."""
    start = do("load model", fetch(f"new:mlp?hidden={hidden}"), data, task="tabular-regression", seed=seed)
    trained = do("finetune", start, data, epochs=60, learning_rate=0.003, schedule="cosine", seed=seed)
    more = do("finetune", trained, data, epochs=epochs, learning_rate=rate, schedule="cosine", seed=seed)
    static = do("quantize static", more, data)
    aware = do("quantize aware", trained, data, epochs=epochs, learning_rate=rate, seed=seed)
    found = []
    for model in (trained, more, static, aware):
        report = do("evaluate", model, data)
        assert isinstance(report, Report)  # noqa: S101
        found.append(float(report.findings.measures["rmse"].value or 0.0))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hidden", nargs="+", default=["16,16", "64,64"])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=float, default=10.0)
    parser.add_argument("--rate", type=float, default=0.001)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        do = Workshop(Path(place))
        write_rows(Path(place) / "friedman.csv")
        columns = {"features": COLUMNS, lookup.task("tabular-regression").target: "y"}
        split = {"train": 0.7, "validation": 0.1, "test": 0.2, "seed": 0}
        data = do("load data", fetch(str(Path(place) / "friedman.csv")), columns=columns, split=split)
        print("| hidden, seed | float32 | trained on | static int8 of that | `quantize aware` | loss won back |")
        print("|---|---|---|---|---|---|")
        for hidden in given.hidden:
            for seed in range(given.seeds):
                found = errors(do, data, hidden, seed, given.epochs, given.rate)
                _, more, static, aware = found
                shown = " | ".join(f"{value:.3f}" for value in found)
                print(f"| {hidden}, {seed} | {shown} | {(static - aware) / (static - more):.0%} |", flush=True)


if __name__ == "__main__":
    main()
