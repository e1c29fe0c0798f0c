"""What every step that explains rows does: choose them, ask a method for attributions, judge these, write the report.

Knows no method: it is given one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar, cast

import numpy as np

from modelyard.core.dataset import ROW_ID, Dataset
from modelyard.core.errors import InputError, suggestion
from modelyard.core.model import Model
from modelyard.core.predictor import Predictor
from modelyard.core.progress import progress
from modelyard.core.report import Report
from modelyard.core.task import DivisibleTask, Prediction, Units
from modelyard.core.transform import Row
from modelyard.methods import attribution_report, faithfulness
from modelyard.methods.attribution_report import Explained
from modelyard.methods.coalitions import Coalitions, answer_of


@dataclass(frozen=True)
class Wanted:
    """Which rows are explained, and how: the options that all these steps share.

    Attributes:
        rows: how many, taken evenly.
        only: numbers of rows; empty for an even choice.
        label: the class to explain; None for each row's own.
        units: most parts of a row.
        background: rows whose values stand in for absent columns of a table.
    """

    split: str
    rows: int
    only: Sequence[int]
    label: str | None
    units: int
    background: int
    seed: int
    confidence: float


@dataclass(frozen=True)
class Subject:
    """One row that is to be explained.

    Attributes:
        row: as the task sees it.
        answer: the model's, to the row on its own.
        value: its answer to the row with some parts only.
    """

    row: Row
    units: Units
    label: str | None
    answer: float
    value: Coalitions
    seed: int


@dataclass(frozen=True)
class Attribution:
    """What a method found: attributes as those of :class:`Explained`."""

    weights: np.ndarray
    base: float | None = None
    map: np.ndarray | None = None
    figures: Mapping[str, float] = field(default_factory=dict)


Item = TypeVar("Item")

Method = Callable[[Subject], Attribution]


def report(
    model: Model, data: Dataset, out: Path, wanted: Wanted, method: Method, *, notes: Sequence[str] = ()
) -> Report:
    """Explain rows of a split and write the report.

    Raises:
        InputError: there are no such rows, or no such class.
    """
    explained = []
    with Predictor(model) as predictor:
        _check_label(model, wanted.label)
        chosen = _choose(predictor, data, wanted)
        references = _references(predictor, data, wanted)
        with progress("explaining", len(chosen)) as bar:
            for row, prediction in chosen:
                explained.append(_explain(predictor, row, prediction, references, wanted, method))
                bar.advance(1)
    found = attribution_report.findings(explained, confidence=wanted.confidence, seed=wanted.seed, notes=notes)
    return Report.write(out, found, parents=[model, data])


def _explain(
    predictor: Predictor,
    row: Row,
    prediction: Prediction,
    references: Sequence[Row | None],
    wanted: Wanted,
    method: Method,
) -> Explained:
    task, number = cast(DivisibleTask, predictor.task), int(row[ROW_ID])
    units = task.units(predictor.processor, row, wanted.units)
    label = (wanted.label or prediction["label"]) if predictor.model.labels else None

    ask = predictor.answer
    value = Coalitions(task, predictor.processor, row, units, label=label, references=references, ask=ask)
    answer = answer_of(prediction, label)
    found = method(Subject(row, units, label, answer, value, wanted.seed))
    judged = faithfulness.judge(value, found.weights, seed=[wanted.seed, number])
    return Explained(number, label, answer, found.base, units, found.weights, judged, found.map, found.figures)


def _check_label(model: Model, label: str | None) -> None:
    if label is not None and label not in model.labels:
        fix = suggestion(label, model.labels) if model.labels else "leave it out: the model predicts a number"
        raise InputError(f"label: the model has no class {label!r}", fix=fix)


def _choose(predictor: Predictor, data: Dataset, wanted: Wanted) -> list[tuple[Row, Prediction]]:
    """Rows of the split and the model's answers to them."""
    rows = list(predictor.rows(data, wanted.split))
    if wanted.only:
        known = {int(row[ROW_ID]): row for row in rows}
        missing = [number for number in wanted.only if number not in known]
        if missing:
            raise InputError(
                f"only: the split {wanted.split!r} has no row {missing[0]}",
                expected="numbers of rows in their source, as the column 'row' of the split has them",
                fix="name another split, or leave 'only' out",
            )
        rows = [known[number] for number in dict.fromkeys(wanted.only)]
    elif wanted.label is None:
        rows = _evenly(rows, wanted.rows)
    answers = predictor.answer(rows)
    pairs = list(zip(rows, answers, strict=True))
    if wanted.label is not None and not wanted.only:
        pairs = _evenly([pair for pair in pairs if pair[1]["label"] == wanted.label], wanted.rows)
    if not pairs:
        raise InputError(
            f"no row of the split {wanted.split!r} can be explained",
            expected="rows" if wanted.label is None else f"rows that the model calls {wanted.label!r}",
            fix="choose another split or label",
        )
    return pairs


def _evenly(items: Sequence[Item], count: int) -> list[Item]:
    places = np.unique(np.linspace(0, len(items) - 1, min(count, len(items))).round().astype(int))
    return [items[place] for place in places]


def _references(predictor: Predictor, data: Dataset, wanted: Wanted) -> list[Row | None]:
    """Rows that columns are taken from where they are left out; other tasks know by themselves what is nothing."""
    if "features" not in predictor.task.abilities or not wanted.background:
        return [None]
    split = "train" if data.splits.get("train") else wanted.split
    rows = predictor.rows(data, split)
    chosen = np.random.default_rng(wanted.seed).permutation(len(rows))[: wanted.background]
    return [rows[place] for place in sorted(chosen)]
