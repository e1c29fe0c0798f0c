"""The job of measuring a model in a process of its own, which ``benchmark`` and ``cost`` give. Knows no statistics."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from modelyard.core.dataset import Dataset
from modelyard.core.errors import InputError
from modelyard.core.memory import Arena, stated_arena
from modelyard.core.model import Model
from modelyard.engines import worker

WORKER = "modelyard.engines.measuring_process"


def measure(
    model: Model,
    data: Dataset,
    *,
    split: str,
    rows: int,
    threads: int | None,
    batch_sizes: Sequence[int] = (),
    lengths: Sequence[int] = (),
    seconds: float = 0.0,
    arena: Arena | None = None,
) -> dict[str, Any]:
    """What :mod:`modelyard.engines.measuring_process` finds; the options are those of ``benchmark``.

    Raises:
        InputError: the split has no rows, or they cannot be predicted.
    """
    if not data.splits.get(split):
        raise InputError(f"the dataset has no rows in a split {split!r}", expected=f"one of {', '.join(data.splits)}")
    job = {
        "model": str(model.path),
        "data": str(data.path),
        "split": split,
        "batch_sizes": batch_sizes,
        "lengths": lengths,
        "seconds": seconds,
        "rows": rows,
        "threads": threads,
        "arena": arena or stated_arena(),
    }
    return worker.result(WORKER, job, "measuring")
