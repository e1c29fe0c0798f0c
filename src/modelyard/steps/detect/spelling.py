"""Tampered texts told by words that training never saw. Knows no dictionary."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated

from modelyard.core.dataset import Dataset
from modelyard.core.model import Model
from modelyard.core.options import Between
from modelyard.core.report import Report
from modelyard.core.step import step
from modelyard.methods import text_suspicion
from modelyard.methods.text_edits import Kind
from modelyard.steps.detect import _edited
from modelyard.steps.detect._edited import Score
from modelyard.steps.detect._report import MEASURES


@step(needs="labels text", measures=MEASURES)
def spelling(
    model: Model,
    data: Dataset,
    *,
    out: Path,
    attack: Kind = "typos",
    budget: Annotated[int, Between(1, 100)] = 3,
    rows: Annotated[int, Between(1, 1_000_000)] = 200,
    split: str = "test",
    confidence: Annotated[float, Between(0.5, 0.999)] = 0.95,
    seed: Annotated[int, Between(0, 2**32 - 1)] = 0,
) -> Report:
    """Tell tampered texts by the share of their words that training never saw.

    The training texts are the dictionary; words with digits count as known. Rare and new words are flagged with the
    misspelt ones, so the more texts were learned from, the better it tells.

    Args:
        model: the model that is attacked.
        data: rows with their labels; the score is fitted on the split train.
        attack: kind of the edits that are to be told.
        budget: words that the attack may edit in one text.
        rows: rows that are drawn from the split.
        split: name of the split.
        confidence: of the intervals.
        seed: of the rows and of the attack.
    """

    def fit(learned: Sequence[str]) -> Score:
        return partial(text_suspicion.unknown_share, text_suspicion.vocabulary(learned))

    return _edited.run(
        "spelling",
        model,
        data,
        fit,
        attack=attack,
        out=out,
        budget=budget,
        rows=rows,
        split=split,
        confidence=confidence,
        seed=seed,
    )
