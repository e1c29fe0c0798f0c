"""What the attacks on texts share: search on one model, judge on the model that ships, and write the report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from modelyard.core.dataset import Dataset
from modelyard.core.model import Model
from modelyard.core.predictor import Predictor
from modelyard.core.report import Report, Table
from modelyard.engines.attacking import pictures, texts
from modelyard.engines.attacking.texts import Attack, Texts
from modelyard.methods import robustness
from modelyard.methods.greedy_search import MOST_WORDS, Trail
from modelyard.methods.robustness import Attacked

EXAMPLES = 20
"""Rows that the report shows."""


def run(
    model: Model,
    data: Dataset,
    surrogate: Model | None,
    attack: Attack,
    *,
    out: Path,
    split: str,
    label: str | None,
    rows: int,
    confidence: float,
) -> Report:
    """Attack rows of a split and report."""
    chosen = texts.read_texts(model, data, split, label=label, rows=rows, seed=attack.seed)
    with Predictor(model) as predictor:
        other = surrogate if surrogate is not None and surrogate.digest != model.digest else None
        trails = _search(predictor, other, chosen, data, attack)
        answers = _Answers(predictor, chosen, trails)
    attacked = Attacked(
        attack.kind,
        chosen.numbers,
        answers.right,
        np.array([answers.fell(row) for row in range(len(trails))]),
        np.array([trail.queries for trail in trails]),
        [float(budget) for budget in range(1, attack.budget + 1)],
        "edited words" if attack.kind != "insert" else "inserted words",
    )
    findings = robustness.judge(attacked, confidence=confidence)
    of_class = f" of the class {label}" if label else ""
    notes = [
        f"{len(trails)} rows{of_class} of {split!r}; greedy search by word importance over the first {MOST_WORDS} "
        f"words, {attack.choices} edits tried a word. A stronger search may turn more answers."
    ]
    if other is not None:
        found = sum(trail.fell for trail in trails)
        held = int(sum(attacked.right & np.isfinite(attacked.fell)))
        notes.append(f"Edits were searched on another model, where {found} texts turned; {held} turn this one.")
    examples = answers.examples(model.labels)
    drawn = [
        pictures.edited_text(pictures.title(row, old, new), str(before), str(after))
        for row, before, after, old, new in examples.rows[: pictures.SHOWN]
    ]
    findings = replace(findings, tables=[*findings.tables, examples], figures=[*findings.figures, *drawn], notes=notes)
    return Report.write(out, findings, parents=[model, data, *([surrogate] if surrogate else [])])


def _search(predictor: Predictor, other: Model | None, chosen: Texts, data: Dataset, attack: Attack) -> list[Trail]:
    title = f"attacking with {attack.kind}"
    if other is None:
        return texts.attack(predictor, chosen, data, attack, title=title)
    with Predictor(other) as searched:
        labels = other.labels
        same = np.array([labels.index(label) for label in predictor.model.labels])
        return texts.attack(searched, replace(chosen, targets=same[chosen.targets]), data, attack, title=title)


class _Answers:
    """What the model that ships says to every text of every trail: nothing is believed that was found elsewhere."""

    def __init__(self, predictor: Predictor, chosen: Texts, trails: Sequence[Trail]) -> None:
        asked = texts.asker(predictor)([*chosen.texts, *(text for trail in trails for text in trail.steps)])
        before, rest = asked[: len(trails)], asked[len(trails) :]
        ends = np.cumsum([len(trail.steps) for trail in trails])
        self.chosen, self.trails = chosen, trails
        self.before = before.argmax(axis=1)
        self.after = [part.argmax(axis=1) for part in np.split(rest, ends[:-1])]
        self.right = self.before == chosen.targets

    def fell(self, row: int) -> float:
        """Edits after which the answer is wrong; infinite where it never is."""
        if not self.right[row]:
            return 0.0
        wrong = np.flatnonzero(self.after[row] != self.chosen.targets[row])
        return float(wrong[0] + 1) if len(wrong) else float("inf")

    def examples(self, labels: Sequence[str]) -> Table:
        """Some rows whose answer turned, before and after."""
        shown: list[list[str | float | int | None]] = []
        for row, trail in enumerate(self.trails):
            edits = self.fell(row)
            if self.right[row] and np.isfinite(edits) and len(shown) < EXAMPLES:
                place = int(edits) - 1
                answers = [labels[self.before[row]], labels[self.after[row][place]]]
                shown.append([int(self.chosen.numbers[row]), self.chosen.texts[row], trail.steps[place], *answers])
        return Table("Answers that turned", ["row", "before", "after", "answer before", "answer after"], shown)
