"""Scores a model on one split of a dataset. Knows no measure: the model's task does the scoring."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from modelyard.core.dataset import ROW_ID, Dataset
from modelyard.core.model import Model
from modelyard.core.options import Between
from modelyard.core.predictor import Predictor
from modelyard.core.report import Findings, Report
from modelyard.core.step import step
from modelyard.methods import overfitting, slice_candidates, slices

TRAINING = "train"
GAP_ROWS = 300
LARGE_ERRORS = 0.9
"""Quantile of the absolute error above which a predicted number counts as failed."""
NO_COLUMNS = frozenset({ROW_ID, "image", "weight", "group", "id"})
"""Roles that no slice is made of."""


@step(scores=True)
def evaluate(
    model: Model,
    data: Dataset,
    *,
    out: Path,
    split: str = "test",
    gap_rows: Annotated[int, Between(0)] | None = None,
    smallest_slice: Annotated[int, Between(2)] | None = 30,
    confidence: Annotated[float, Between(0.5, 0.999)] = 0.95,
    seed: int = 0,
) -> Report:
    """Measure how good a model is, with a confidence interval for every number.

    Which measures there are depends on the model's task. Some training rows are scored too: how far the task's first
    measure is ahead there is ``accuracy_gap`` (``rmse_gap``, …), and the report says in words whether the model has
    over-fitted. Slices of the split where it fails more often than chance explains are named, by columns, class,
    length and words (Fisher's exact test with Holm's correction). The report keeps the answer to every row, so that
    another model's evaluation of the same rows can be compared with it row by row.

    Args:
        model: the model to score.
        data: the dataset; raw, or transformed by the first of the model's own transforms.
        split: name of the split to score on.
        gap_rows: rows of the split train, drawn at random, that are scored too. Left out, 300, and none where the model
            generates text; 0 for none.
        smallest_slice: fewest rows of a slice; null to look for none.
        confidence: of the intervals; a requirement with another confidence needs an evaluation of its own.
        seed: of the rows that are drawn and of the bootstrap that some intervals come from.
    """
    with Predictor(model) as predictor:
        findings = predictor.task.evaluate(predictor, data, split, confidence=confidence, seed=seed)
        wanted = gap_rows if gap_rows is not None else 0 if "generation" in predictor.task.abilities else GAP_ROWS
        if split != TRAINING and data.splits.get(TRAINING, 0) and data.splits[split] and wanted:
            known = _score_training_rows(predictor, data, wanted, confidence, seed)
            headline = predictor.task.measures[0]
            gap = overfitting.compare(known.measures, findings.measures, headline=headline, split=split)
            findings = _joined(findings, gap)
    if smallest_slice is not None:
        findings = _joined(findings, _worst_slices(findings, data, split, smallest_slice, confidence))
    return Report.write(out, findings, parents=[model, data])


def _joined(findings: Findings, more: Findings) -> Findings:
    return replace(
        findings,
        measures={**findings.measures, **more.measures},
        tables=[*findings.tables, *more.tables],
        figures=[*findings.figures, *more.figures],
        notes=[*findings.notes, *more.notes],
    )


def _score_training_rows(predictor: Predictor, data: Dataset, rows: int, confidence: float, seed: int) -> Findings:
    table = data.table(TRAINING)
    chosen = np.sort(np.random.default_rng(seed).permutation(table.num_rows)[:rows])
    with tempfile.TemporaryDirectory() as folder:
        some = data.rewrite(Path(folder), {TRAINING: table.take(chosen)})
        return predictor.task.evaluate(predictor, some, TRAINING, confidence=confidence, seed=seed)


def _worst_slices(findings: Findings, data: Dataset, split: str, smallest: int, confidence: float) -> Findings:
    failed, failing = _failures(findings.rows)
    if failed is None or not failed.any() or failed.all():
        return Findings({})
    columns, texts = _columns(data, split)
    found = slices.find(slice_candidates.candidates(columns, texts), failed, smallest=smallest)
    if not found:
        return Findings({})
    return slices.report(found, failing=failing, smallest=smallest, confidence=confidence)


def _failures(rows: Any) -> tuple[np.ndarray | None, str]:
    """Which answers failed, and what that is called; None where the task has no right and wrong."""
    names = rows.column_names if rows is not None else []
    if "predicted" in names:
        pairs = zip(rows.column("predicted").to_pylist(), rows.column("label").to_pylist(), strict=True)
        return np.array([answer != label for answer, label in pairs], dtype=bool), "wrong answers"
    if "value" in names and rows.num_rows:
        errors = np.abs(rows.column("value").to_numpy() - rows.column("target").to_numpy())
        return errors > np.quantile(errors, LARGE_ERRORS), "of the largest tenth of errors"
    return None, ""


def _columns(data: Dataset, split: str) -> tuple[dict[str, list[Any]], dict[str, list[str]]]:
    """Values by column, and texts by role; a role that gathers columns gives each of them."""
    columns: dict[str, list[Any]] = {}
    texts: dict[str, list[str]] = {}
    table = data.table(split)
    for role in data.roles:
        if role in NO_COLUMNS:
            continue
        values = table.column(role).to_pylist()
        if role == "text":
            texts[role] = [str(value or "") for value in values]
        elif values and isinstance(values[0], dict):
            columns |= {name: [value[name] for value in values] for name in values[0]}
        elif not values or not isinstance(values[0], bytes | list):
            columns[role] = values
    return columns, texts
