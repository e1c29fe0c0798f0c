"""``profile``: what to know of data before anybody learns from them. Knows no question of it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated

from modelyard.core.dataset import Dataset
from modelyard.core.errors import InputError
from modelyard.core.options import Between
from modelyard.core.progress import progress
from modelyard.core.report import Findings, Report
from modelyard.core.step import step

MEASURES = (
    "missing_share",
    "outlier_share",
    "class_balance",
    "duplicate_share",
    "near_duplicate_share",
    "leaked_share",
    "label_error_share",
    "personal_data_share",
    "drifted_columns",
)


@step(measures=MEASURES)
def profile(
    data: Dataset,
    *,
    out: Path,
    near: Annotated[float, Between(0.5, 1)] = 0.8,
    folds: Annotated[int, Between(2, 20)] = 5,
    rows: Annotated[int, Between(10)] = 20_000,
    confidence: Annotated[float, Between(0.5, 0.999)] = 0.95,
    seed: int = 0,
) -> Report:
    """Say what is missing, far off, doubled, leaked, mislabelled, personal, long or shifted in data, with pictures.

    Near duplicates are found by MinHash among texts, by a difference hash among images, and to three digits among
    numbers; those that stand on both sides of a split are leaks, which flatter every score. Suspected labels come from
    confident learning (Northcutt, Jiang and Chuang 2021) with a cross-validated logistic regression. Differences
    between splits are tested column by column, and corrected for how many there are.

    Each share is a measure that can be required, such as leaked_share: "<= 0", if it was taken on the data that the
    model learned from. What does not apply to the data (labels, texts) has no value.

    Args:
        data: texts, tables or images, in splits.
        near: share of 5-grams of characters that near duplicates have in common.
        folds: of the model that suspects labels.
        rows: of each split that are looked at, drawn at random.
        confidence: of the intervals of differences between splits.
        seed: of draws, folds and hash functions.
    """
    from modelyard.engines import profiling

    if not sum(data.splits.values()):
        raise InputError("profile: the data have no rows")
    read = profiling.Rows.read(data, rows, seed)
    questions: list[Callable[[], Findings]] = [
        partial(profiling.gaps.find, read),
        partial(profiling.outlying.find, read),
        partial(profiling.classes.find, read),
        partial(profiling.duplicates.find, read, near, seed),
        partial(profiling.labels.find, read, folds, seed),
        partial(profiling.personal.find, read),
        partial(profiling.lengths.find, read),
        partial(profiling.drift.find, read, confidence),
    ]
    found: list[Findings] = []
    with progress("profiling", len(questions)) as bar:
        for question in questions:
            found.append(question())
            bar.advance(1)
    findings = Findings(
        {name: measure for part in found for name, measure in part.measures.items()},
        [table for part in found for table in part.tables],
        [figure for part in found for figure in part.figures],
        [*(note for part in found for note in part.notes), *data.profile.get("warnings", [])],
    )
    return Report.write(out, findings, parents=[data])
