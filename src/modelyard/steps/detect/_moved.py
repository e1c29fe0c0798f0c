"""What the detectors for images and tables share: rows that are answered rightly, and where an attack moves them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from modelyard.core.dataset import Dataset
from modelyard.core.model import Model
from modelyard.core.report import Report
from modelyard.engines.attacking import gradients
from modelyard.engines.attacking.gradients import Aim, Values
from modelyard.steps.detect import _report

ITERATIONS = 20

Score = Callable[[np.ndarray], np.ndarray]
"""Values of rows → a number a row, high for suspicious ones."""


def run(
    name: str,
    model: Model,
    data: Dataset,
    base: Model | None,
    fit: Callable[[Aim], Score],
    *,
    out: Path,
    budget: float,
    rows: int,
    split: str,
    confidence: float,
    device: str,
    seed: int,
) -> Report:
    """Attack by projected gradient descent, score both kinds of rows, and report.

    Args:
        fit: makes the score of an opened model.
    """
    import torch

    from modelyard.networks.evasion.pgd import pgd

    with gradients.aim(model, base, data, device=device) as aim:
        chosen = gradients.read_values(model, data, split, aim.space, rows=rows, seed=seed)
        right = aim.answers(chosen.values) == chosen.targets
        ordinary = Values(chosen.values[right], chosen.targets[right], chosen.numbers[right])

        def method(*batch: Any) -> tuple[Any, Any]:
            random = torch.Generator().manual_seed(seed)
            step = 2.5 * budget / ITERATIONS
            return pgd(*batch, iterations=ITERATIONS, step_size=step, start=random, until_wrong=False)

        moved, _ = aim.craft(ordinary, aim.limits(budget), method, title="attacking with pgd")
        turned = aim.answers(moved) != ordinary.targets if len(moved) else np.zeros(0, dtype=bool)
        score = fit(aim)
        scores = [score(values) if len(values) else np.zeros(0) for values in (moved[turned], ordinary.values)]
        notes = [
            f"Ordinary: {len(ordinary.values)} rows of {split!r} that are answered rightly. Attacked: those "
            f"{turned.sum()} of them that {ITERATIONS} steps of pgd within {budget:g} ({aim.space.measured_in}) turn."
        ]
    parents = [model, data, *([base] if base else [])]
    return _report.write(name, *scores, confidence=confidence, notes=notes, out=out, parents=parents)
