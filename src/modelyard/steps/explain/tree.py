"""Explains a whole model by a decision tree that answers as it does. Knows no task by name, and no runtime."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, cast

import numpy as np

from modelyard.core.dataset import Dataset
from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.options import Between
from modelyard.core.predictor import Predictor
from modelyard.core.report import Figure, Findings, Measure, Report, Series, Table
from modelyard.core.step import step
from modelyard.core.task import DivisibleTask, Prediction, TableTask
from modelyard.core.transform import Row
from modelyard.methods import decision_tree, surrogate_scores
from modelyard.methods.decision_tree import Node

ALL = 100_000
"""More words than a text has."""


@step(needs="units", measures=("fidelity", "fidelity_f1", "fidelity_r2", "leaves"))
def tree(
    model: Model,
    data: Dataset,
    *,
    out: Path,
    split: str = "test",
    depth: Annotated[int, Between(1, 12)] = 4,
    smallest: Annotated[int, Between(1)] = 10,
    words: Annotated[int, Between(1, 5000)] = 300,
    rows: Annotated[int, Between(10, 1_000_000)] = 5000,
    confidence: Annotated[float, Between(0.5, 0.999)] = 0.95,
    seed: int = 0,
) -> Report:
    """Explain a model by a small decision tree that imitates it, and say how well it does.

    The tree learns the model's answers to training rows, not the labels. ``fidelity`` is the share of other rows on
    which both answer alike, ``fidelity_f1`` the F1 of the tree's answers held against the model's (of the last of two
    classes, or the mean over all): of rare classes the share says little. For predicted numbers ``fidelity_r2`` says
    it. A tree of low fidelity explains another model than this one.

    Args:
        model: the model to imitate, over tables or texts.
        data: with a split ``train``.
        split: where fidelity is measured.
        depth: most questions to an answer.
        smallest: fewest training rows of a leaf.
        words: of texts, the most frequent that may be asked for.
        rows: training rows to learn from at most.
        confidence: of the intervals.
        seed: of the choice of rows and the bootstrap.
    """
    with Predictor(model) as predictor:
        if "image" in predictor.task.abilities:
            raise InputError("a tree cannot ask about the pixels of an image", fix="use explain features, or shap")
        learned = list(predictor.rows(data, "train"))
        chosen = np.random.default_rng(seed).permutation(len(learned))[:rows]
        learned, judged = [learned[place] for place in sorted(chosen)], list(predictor.rows(data, split))
        if not judged:
            raise InputError(f"the split {split!r} has no rows", fix="choose another split")
        questions = _questions(predictor, learned, words)
        inputs, others = (np.array([questions.ask(row) for row in part]) for part in (learned, judged))
        taught, expected = (_targets(model.labels, _answer(predictor, part)) for part in (learned, judged))
    trees = [decision_tree.fit(inputs, taught, depth=level, smallest=smallest) for level in range(1, depth + 1)]
    found = [surrogate_scores.judge(item.predict(others), expected, model.labels, confidence, seed) for item in trees]
    measures = {"fidelity": Measure(None), "fidelity_f1": Measure(None), "fidelity_r2": Measure(None), **found[-1]}
    measures["leaves"] = Measure(len(list(trees[-1].leaves())), n=len(learned))
    figures = [_importance(trees[-1], questions), _by_depth(found)]
    if model.labels:
        figures.append(_confusion(trees[-1].predict(others), expected, model.labels))
    report = Findings(measures, [_rules(trees[-1], questions, model.labels)], figures)
    return Report.write(out, report, parents=[model, data])


@dataclass(frozen=True)
class _Questions:
    """What the tree may ask of a row.

    Attributes:
        names: what each number is of.
        values: of a question with two answers, the value that is asked for; None for a number.
    """

    predictor: Predictor
    names: Sequence[str]
    values: Sequence[str | None]
    middle: Mapping[str, float]

    def ask(self, row: Row) -> list[float]:
        """A number for each question; a gap is the mean."""
        if "features" in self.predictor.task.abilities:
            features = row["features"]
            return [
                float(str(features.get(name)) == value)
                if value is not None
                else float(self.middle[name] if features.get(name) is None else features[name])
                for name, value in zip(self.names, self.values, strict=True)
            ]
        there = _words(self.predictor, row)
        return [float(name in there) for name in self.names]

    def say(self, feature: int, above: bool, threshold: float) -> str:
        """One answer in words."""
        name, value = self.names[feature], self.values[feature]
        if value is None:
            return f"{name} {'>' if above else '<='} {threshold:.4g}"
        if "features" in self.predictor.task.abilities:
            return f"{name} is {'' if above else 'not '}{value}"
        return f"{'with' if above else 'without'} {name!r}"


def _questions(predictor: Predictor, rows: Sequence[Row], words: int) -> _Questions:
    if "features" not in predictor.task.abilities:
        counts = Counter(word for row in rows for word in _words(predictor, row))
        asked = [word for word, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:words]]
        return _Questions(predictor, asked, ["there"] * len(asked), {})
    names: list[str] = []
    values: list[str | None] = []
    middle: dict[str, float] = {}
    for name, kind in cast(TableTask, predictor.task).columns(predictor.processor).items():
        found = [row["features"][name] for row in rows if row["features"].get(name) is not None]
        if kind == "number":
            names.append(name)
            values.append(None)
            middle[name] = float(np.mean(found))
        else:
            kinds = sorted({str(value) for value in found})
            names += [name] * len(kinds)
            values += kinds
    return _Questions(predictor, names, values, middle)


def _words(predictor: Predictor, row: Row) -> set[str]:
    units = cast(DivisibleTask, predictor.task).units(predictor.processor, row, ALL)
    return {name.casefold() for name in units.names}


def _answer(predictor: Predictor, rows: Sequence[Row]) -> Sequence[Prediction]:
    return predictor.answer(rows)


def _targets(labels: Sequence[str], answers: Sequence[Prediction]) -> np.ndarray:
    """The model's class in one place of several, or its number, [rows, targets]."""
    if not labels:
        return np.array([[answer["value"]] for answer in answers])
    return np.eye(len(labels))[[labels.index(answer["label"]) for answer in answers]]


def _rules(tree: Node, questions: _Questions, labels: Sequence[str]) -> Table:
    rows: list[list[str | float | int | None]] = []
    for path, leaf in sorted(tree.leaves(), key=lambda item: -item[1].rows):
        best = int(leaf.value.argmax())
        said = " and ".join(questions.say(*question) for question in path) or "always"
        answer = labels[best] if labels else f"{leaf.value[0]:.4g}"
        rows.append([said, answer, float(leaf.value[best]) if labels else None, leaf.rows])
    return Table("What the tree does", ["where", "answer", "share", "training rows"], rows)


def _importance(tree: Node, questions: _Questions) -> Figure:
    shares = decision_tree.importances(tree, len(questions.names))
    order = [place for place in np.argsort(-shares, kind="stable")[:12] if shares[place] > 0]
    names = [
        questions.names[place] + (f" = {value}" if (value := questions.values[place]) not in (None, "there") else "")
        for place in order
    ]
    return Figure(
        "What the tree asks about", "bar", "", "share of the gain", [Series("gain", names, shares[order].tolist())]
    )


def _by_depth(found: Sequence[Mapping[str, Measure]]) -> Figure:
    depths = [float(level) for level in range(1, len(found) + 1)]
    series = [
        Series(
            name,
            depths,
            [item[name].value for item in found],
            [item[name].low or 0.0 for item in found],
            [item[name].high or 0.0 for item in found],
        )
        for name in found[0]
    ]
    return Figure("Fidelity by the depth of the tree", "line", "depth", "fidelity", series)


def _confusion(answers: np.ndarray, expected: np.ndarray, labels: Sequence[str]) -> Figure:
    counts = np.zeros((len(labels), len(labels)))
    np.add.at(counts, (expected.argmax(axis=1), answers.argmax(axis=1)), 1)
    return Figure(
        "The tree's answers by the model's", "matrix", "tree", "model", (), counts.tolist(), list(labels), list(labels)
    )
