"""How a worker opens its model, and what it measures before it takes work.

The function is named in the worker's job, so that what is opened is chosen by data.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from modelyard.core.artifact import open_artifact
from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.predictor import Predictor
from modelyard.serve.lengths import Lengths

OPENER = "modelyard.serve.opening:open_predictor"

Timing = tuple[int, int, float]
"""Rows, length of the longest row, and seconds of processor time of one call."""

_WORD = "word "
_PROBES = ((1, 4), (4, 4), (16, 4), (1, 32), (4, 32), (16, 32))
"""Rows and words."""
_ROUNDS = 3


def open_predictor(job: Mapping[str, Any]) -> Predictor:
    """The model in the folder ``model``, on ``device`` with ``threads``.

    Raises:
        InputError: the folder holds no model, or the runtime cannot open it.
    """
    model = open_artifact(Path(job["model"]))
    if not isinstance(model, Model):
        raise InputError(f"a {type(model).__name__}", expected="a model")
    return Predictor(model, device=job["device"], threads=job["threads"], memory_limit=job["memory_limit"])


def measure(predictor: Predictor) -> list[Timing]:
    """How long short and long rows take, alone and together, the best of a few calls each; it warms the model up too.

    Only where rows can be made up, which is of texts, and where an answer is one call of the model.
    """
    task = predictor.task
    if "text" not in task.abilities or "generation" in task.abilities:
        return []
    timings, lengths = [], Lengths(predictor.processor, predictor.model.settings)
    for count, words in _PROBES:
        row = dict.fromkeys(task.inputs, _WORD * words)
        timings.append((count, lengths.of(row), min(_time(predictor, [row] * count) for _ in range(_ROUNDS))))
    return timings


def _time(predictor: Predictor, rows: list[dict[str, str]]) -> float:
    started = time.process_time()
    predictor.predict(rows)
    return time.process_time() - started
