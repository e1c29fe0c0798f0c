"""Typing errors in words, to see which answers they turn. Knows no model: it is asked for answers alone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from modelyard.core.dataset import Dataset
from modelyard.core.model import Model
from modelyard.core.options import Between
from modelyard.core.report import Report
from modelyard.core.step import step
from modelyard.engines.attacking.texts import Attack
from modelyard.methods.robustness import MEASURES
from modelyard.steps.attack import _texts


@step(needs="labels text", measures=MEASURES)
def typos(
    model: Model,
    data: Dataset,
    surrogate: Model | None = None,
    *,
    out: Path,
    budget: Annotated[int, Between(1, 100)] = 3,
    rows: Annotated[int, Between(1, 1_000_000)] = 200,
    split: str = "test",
    label: str | None = None,
    choices: Annotated[int, Between(1, 1000)] = 8,
    confidence: Annotated[float, Between(0.5, 0.999)] = 0.95,
    seed: Annotated[int, Between(0, 2**32 - 1)] = 0,
) -> Report:
    """Attack a classifier of texts with typing errors.

    A typing error swaps, drops, doubles or mistypes one letter of a word of three letters or more, never its first.
    Words are taken in the order of their importance, and of the edits of a word the most harmful one is kept, until
    the answer turns or the budget is spent. The model is asked as a server asks it, its transforms included.

    Args:
        model: the model that ships; every answer that counts is its own.
        data: rows with their labels.
        surrogate: searched instead of the model where it is faster to ask; what is found is tried on the model.
        budget: words that may be misspelt in one text.
        rows: rows that are attacked, drawn from the split.
        split: name of the split.
        label: class that the attacked rows are of, such as the one that somebody gains by hiding; null for all.
        choices: edits that are tried on one word.
        confidence: of the intervals.
        seed: of the rows and edits that are drawn.
    """
    attack = Attack("typos", budget, choices, seed)
    return _texts.run(
        model, data, surrogate, attack, out=out, split=split, label=label, rows=rows, confidence=confidence
    )
