"""A release's classifier without modelyard: tokenizer and ONNX graph, as a handler written by hand uses them."""

from __future__ import annotations

import json
import os
import queue
import statistics
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

os.environ["TOKENIZERS_PARALLELISM"] = "false"

import numpy as np
import onnxruntime
from tokenizers import Tokenizer


class Classifier:
    """Text to label and score, with the files of a release's model.

    Args:
        folder: the model.
        threads: cores of one call.
        tuned: without the optimizer that modelyard leaves out too, which makes it faster on a processor.
    """

    def __init__(self, folder: Path, threads: int, *, tuned: bool = False) -> None:
        attributes = json.loads((folder / "manifest.json").read_text())["attributes"]
        self.labels, self.inputs = attributes["labels"], attributes["settings"]["inputs"]
        self.tokenizer: Any = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(attributes["settings"]["max_length"])
        options: Any = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.log_severity_level = threads, 3
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        without = ["SkipLayerNormFusion"] if tuned else None
        self.session: Any = onnxruntime.InferenceSession(folder / "model.onnx", options, disabled_optimizers=without)

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        return [encoding.ids for encoding in self.tokenizer.encode_batch_fast(texts)]

    def forward(self, ids: Sequence[Sequence[int]]) -> np.ndarray:
        """Probabilities, shape (texts, labels)."""
        feeds = {name: np.zeros((len(ids), max(map(len, ids))), np.int64) for name in self.inputs}
        for number, row in enumerate(ids):
            feeds["input_ids"][number, : len(row)] = row
            feeds["attention_mask"][number, : len(row)] = 1
        logits = np.asarray(self.session.run(None, feeds)[0])
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=1, keepdims=True))

    def predict(self, texts: Sequence[str]) -> list[dict[str, Any]]:
        found = self.forward(self.encode(texts))
        best = found.argmax(axis=1)
        return [
            {"label": self.labels[label], "score": float(row[label])} for row, label in zip(found, best, strict=True)
        ]


def limit(lanes: Sequence[Classifier], texts: Sequence[str], batch: int) -> float:
    """Texts a second of these lanes, which take batches sorted by length from one queue: what no server can beat."""
    started = time.perf_counter()
    ids = sorted(lanes[0].encode(texts), key=len)
    batches: queue.SimpleQueue[list[list[int]]] = queue.SimpleQueue()
    for start in reversed(range(0, len(ids), batch)):
        batches.put(ids[start : start + batch])

    def drain(lane: Classifier) -> None:
        while True:
            try:
                lane.forward(batches.get_nowait())
            except queue.Empty:
                return

    threads = [threading.Thread(target=drain, args=(lane,)) for lane in lanes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(texts) / (time.perf_counter() - started)


def fastest_batch(lanes: Sequence[Classifier], texts: Sequence[str]) -> int:
    """The size of a batch at which the lanes answer most texts a second; the median of three turns of each."""
    sizes = (1, 4, 8, 16)
    turns = [[limit(lanes, texts, size) for size in sizes] for _ in range(4)][1:]
    medians = [statistics.median(column) for column in zip(*turns, strict=True)]
    return sizes[medians.index(max(medians))]
