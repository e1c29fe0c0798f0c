"""What the detectors for texts share: ordinary rows, and the same as an attack edits them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from modelyard.core.dataset import Dataset
from modelyard.core.model import Model
from modelyard.core.predictor import Predictor
from modelyard.core.report import Report
from modelyard.engines.attacking import texts
from modelyard.engines.attacking.texts import Attack
from modelyard.methods.text_edits import Kind
from modelyard.steps.detect import _report

Score = Callable[[str], float]
"""A text → a number, high for a suspicious one."""


def run(
    name: str,
    model: Model,
    data: Dataset,
    fit: Callable[[Sequence[str]], Score],
    *,
    attack: Kind,
    out: Path,
    budget: int,
    rows: int,
    split: str,
    confidence: float,
    seed: int,
) -> Report:
    """Attack rows, score both kinds of texts, and report.

    Args:
        fit: makes the score of the texts to learn from.
    """
    score = fit(texts.read_texts(model, data, "train").texts)
    chosen = texts.read_texts(model, data, split, rows=rows, seed=seed)
    with Predictor(model) as predictor:
        trails = texts.attack(
            predictor, chosen, data, Attack(attack, budget, 8, seed), title=f"attacking with {attack}"
        )
    edited = [trail.steps[-1] for trail in trails if trail.steps]
    attacked, ordinary = (np.array([score(text) for text in each]) for each in (edited, chosen.texts))
    turned = sum(trail.fell for trail in trails)
    notes = [
        f"Ordinary: {len(ordinary)} rows of {split!r}. Attacked: the {len(edited)} of them that attack {attack} "
        f"edited, up to {budget} words each, {turned} with a turned answer. The score knows the rows of 'train' only."
    ]
    return _report.write(name, attacked, ordinary, confidence=confidence, notes=notes, out=out, parents=[model, data])
