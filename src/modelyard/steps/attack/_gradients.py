"""What the attacks that follow a gradient share: rows, budgets, the judgement of what ships, the report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from modelyard.core.dataset import Dataset
from modelyard.core.input_space import InputSpace
from modelyard.core.model import Model
from modelyard.core.report import Figure, Report, Table
from modelyard.engines.attacking import gradients, pictures
from modelyard.engines.attacking.gradients import Aim, Values
from modelyard.methods import robustness
from modelyard.methods.robustness import Attacked

CURVE = (0.25, 0.5, 1.0)
"""Shares of the budget that the curve is drawn from."""
EXAMPLES = 20
"""Rows that the report shows."""
MOVED = 3
"""Values of a row that the report names."""

Attempt = Callable[[Aim, Values, float], tuple[np.ndarray, np.ndarray]]
"""The model, rows and a budget → moved values and passes through the network a row."""


@dataclass(frozen=True)
class Choice:
    """Which rows are attacked, and where."""

    split: str
    label: str | None
    rows: int
    confidence: float
    seed: int
    device: str


def run(
    name: str,
    model: Model,
    data: Dataset,
    base: Model | None,
    choice: Choice,
    attempt: Attempt,
    *,
    budget: float,
    unit: str,
    note: str,
    out: Path,
) -> Report:
    """Attack at growing budgets and report.

    Args:
        budget: the whole one.
        unit: what it counts; empty for the unit of the model's values.
        note: what the report says of the method.
    """
    with gradients.aim(model, base, data, device=choice.device) as aim:
        chosen = gradients.read_values(
            model, data, choice.split, aim.space, label=choice.label, rows=choice.rows, seed=choice.seed
        )
        before = aim.answers(chosen.values)
        right = before == chosen.targets
        attackable = Values(chosen.values[right], chosen.targets[right], chosen.numbers[right])
        fell, passes = np.full(len(right), np.inf), np.zeros(len(right), dtype=np.int64)
        for share in CURVE:
            moved, took = attempt(aim, attackable, share * budget)
            after = aim.answers(moved)
            turned = after != attackable.targets
            # What counts at a budget is the attack at that budget: a row may stand it and have fallen to a smaller one.
            fell[right] = np.where(turned, np.minimum(fell[right], share * budget), np.inf)
            passes[right] = took
        fell[~right] = 0.0
        unit = unit or aim.space.measured_in
        budgets = [share * budget for share in CURVE]
        findings = robustness.judge(
            Attacked(name, chosen.numbers, right, fell, passes, budgets, unit), confidence=choice.confidence
        )
        examples = _examples(model.labels, attackable, moved, after, aim.space)
        drawn = _pictures(model.labels, attackable, moved, after) if aim.space.grid else []
        notes = [note, *_notes(aim, chosen.values.shape[1:]), *([pictures.IMAGE_NOTE] if drawn else [])]
    findings = replace(findings, tables=[*findings.tables, examples], figures=[*findings.figures, *drawn], notes=notes)
    return Report.write(out, findings, parents=[model, data, *([base] if base else [])])


def _notes(aim: Aim, shape: Sequence[int]) -> list[str]:
    notes = []
    if not aim.is_own:
        notes.append(
            "The gradient is that of the model before its conversion; every answer counted is the converted model's. "
            "An attack on the converted model itself may turn more."
        )
    if aim.space.grid:
        notes.append(f"Images as the network sees them, {shape[-2]} × {shape[-1]} pixels, in whole steps of 8 bits.")
    elif not aim.space.free.all():
        notes.append("Categories stay as they are; numbers stay within their range in the rows that were learned from.")
    return notes


def _examples(labels: Sequence[str], rows: Values, moved: np.ndarray, after: np.ndarray, space: InputSpace) -> Table:
    """Rows that the whole budget turned."""
    shown: list[list[str | float | int | None]] = []
    for place in np.flatnonzero(after != rows.targets)[:EXAMPLES]:
        change = moved[place] - rows.values[place]
        shown.append(
            [
                int(rows.numbers[place]),
                labels[rows.targets[place]],
                labels[after[place]],
                float(np.abs(change).max()),
                float(np.linalg.norm(change)),
                _name_moves(change, space),
            ]
        )
    columns = ["row", "answer before", "answer after", "largest change", "length", "moved most"]
    return Table(f"Answers that turned (changes in {space.measured_in})", columns, shown)


def _pictures(labels: Sequence[str], rows: Values, moved: np.ndarray, after: np.ndarray) -> list[Figure]:
    """Images that the whole budget turned: before, after, and what was done."""
    return [
        pictures.moved_image(
            pictures.title(rows.numbers[place], labels[rows.targets[place]], labels[after[place]]),
            rows.values[place],
            moved[place],
        )
        for place in np.flatnonzero(after != rows.targets)[: pictures.SHOWN]
    ]


def _name_moves(change: np.ndarray, space: InputSpace) -> str:
    if not space.names:
        return f"{np.count_nonzero(change)} of {change.size} values"
    most = np.argsort(-np.abs(change), kind="stable")[:MOVED]
    return ", ".join(f"{space.names[place]} {change[place]:+.2g}" for place in most if change[place])
