"""Whether answers tell which rows a classifier was trained on. Knows no task by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np

from modelyard.core.dataset import Dataset
from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.options import Between
from modelyard.core.predictor import Predictor
from modelyard.core.progress import progress
from modelyard.core.report import Findings, Report, Table
from modelyard.core.step import step
from modelyard.methods import membership as methods
from modelyard.methods import separation

RATES = (0.001, 0.01, 0.1)


@step(needs="labels", measures=("membership_auc", "membership_caught"))
def membership(
    model: Model,
    data: Dataset,
    reference: Model | None = None,
    *,
    out: Path,
    rows: Annotated[int, Between(10, 1_000_000)] = 1000,
    members: str = "train",
    others: str = "test",
    confidence: Annotated[float, Between(0.5, 0.999)] = 0.95,
    seed: Annotated[int, Between(0, 2**32 - 1)] = 0,
) -> Report:
    """Measure whether a classifier's answers tell which rows it was trained on.

    An attacker who sees the probability of the right class takes confident answers for rows of the training (Yeom et
    al. 2018); with a reference model, which was not trained on these rows, he takes off how easy a row is (Watson et
    al. 2022, Carlini et al. 2022 with one shadow model). An area of 0.5 is no leakage; what matters is how many members
    are caught with hardly a false alarm. It is a lower bound: an attacker with many shadow models finds more.

    Args:
        model: the model that may leak.
        data: with the rows that it was trained on and rows that it never saw.
        reference: a model of the same classes that was trained on other rows; in a recipe, name one to use it.
        rows: rows of either kind, drawn from their splits.
        members: split that the model was trained on.
        others: split that it was not.
        confidence: of the intervals.
        seed: of the rows that are drawn.
    """
    calibrated = reference is not None and reference.digest != model.digest
    known = reference if calibrated else None
    drawn = [_draw(model, data, split, rows, seed + place) for place, split in enumerate((members, others))]
    inside, outside = _scores(model, known, data, drawn)
    caught = {rate: separation.caught(inside, outside, rate, confidence) for rate in RATES}
    measures = {"membership_auc": separation.area(inside, outside, confidence), "membership_caught": caught[0.01]}
    table = Table(
        "Members caught",
        ["false alarms", "members caught", "low", "high"],
        [[rate, measure.value, measure.low, measure.high] for rate, measure in caught.items()],
    )
    figure = separation.picture("Membership told", "attack", inside, outside, "members caught")
    note = (
        f"{len(inside)} rows of {members!r} against {len(outside)} of {others!r}, "
        f"{'less the confidence of the reference' if calibrated else 'by confidence alone'}. "
        "membership_caught is the share of members caught at 1% false alarms; chance is 1%."
    )
    parents = [model, data, *([reference] if reference else [])]
    return Report.write(out, Findings(measures, [table], [figure], [note]), parents=parents)


@dataclass(frozen=True)
class _Drawn:
    """Rows of a split that are asked about.

    Attributes:
        places: of the rows in the split.
        targets: number of each right class, in the order of the model's classes.
    """

    split: str
    places: np.ndarray
    targets: np.ndarray


def _draw(model: Model, data: Dataset, split: str, rows: int, seed: int) -> _Drawn:
    if not data.splits.get(split):
        data.table(split)
        raise InputError(f"the split {split!r} has no rows", expected="rows to tell apart", fix="choose another split")
    places = np.sort(np.random.default_rng(seed).permutation(data.splits[split])[:rows])
    every = data.column(split, "label")
    labels = [str(every[place]) for place in places]
    if unknown := sorted(set(labels) - set(model.labels)):
        raise InputError(f"the model does not know the label {unknown[0]!r}", expected=", ".join(model.labels))
    return _Drawn(split, places, np.array([model.labels.index(label) for label in labels]))


def _scores(model: Model, reference: Model | None, data: Dataset, drawn: Sequence[_Drawn]) -> list[np.ndarray]:
    """One array of scores for each kind of rows."""
    if reference is not None and set(reference.labels) != set(model.labels):
        raise InputError("the reference has other classes", expected=", ".join(model.labels))
    own = _probabilities(model, model.labels, data, drawn)
    other = [None] * len(drawn) if reference is None else _probabilities(reference, model.labels, data, drawn)
    return [methods.scores(one, part.targets, two) for one, part, two in zip(own, drawn, other, strict=True)]


def _probabilities(model: Model, labels: tuple[str, ...], data: Dataset, drawn: Sequence[_Drawn]) -> list[np.ndarray]:
    found = []
    with Predictor(model) as predictor:
        for part in drawn:
            with progress(f"asking about {part.split}"):
                every = predictor.rows(data, part.split)
                inputs = [{role: every[place][role] for role in predictor.task.inputs} for place in part.places]
                answers = predictor.answer(inputs)
            found.append(np.array([[answer["scores"][label] for label in labels] for answer in answers]))
    return found
