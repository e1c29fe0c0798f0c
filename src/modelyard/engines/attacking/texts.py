"""Attacks on classifiers of texts that ask for answers alone, so that any runtime will do.

A model is asked through the one path from raw rows to answers, its transforms included, with batches of like length.
Knows no task by name and no step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from modelyard.core.dataset import ROW_ID, Dataset
from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.predictor import Predictor
from modelyard.core.progress import progress
from modelyard.core.transform import Row, pending_transforms
from modelyard.methods import greedy_search, text_edits
from modelyard.methods.greedy_search import Trail
from modelyard.methods.text_edits import Kind

TELLING_WORDS = 200
"""Words a class that ``insert`` draws from."""


@dataclass(frozen=True)
class Texts:
    """Rows to be attacked.

    Attributes:
        rows: as the dataset holds them.
        numbers: of the rows in their source.
        targets: number of each right class, in the order of the model's classes.
    """

    rows: Sequence[Row]
    numbers: np.ndarray
    targets: np.ndarray

    def take(self, places: np.ndarray) -> Texts:
        """Those at these places."""
        return Texts([self.rows[place] for place in places.tolist()], self.numbers[places], self.targets[places])

    @property
    def texts(self) -> list[str]:
        return [str(row["text"]) for row in self.rows]


@dataclass(frozen=True)
class Attack:
    """What is tried on a text.

    Attributes:
        kind: of the edits.
        budget: most edits.
        choices: edits of one word that are asked for.
        seed: of what is drawn.
    """

    kind: Kind
    budget: int
    choices: int
    seed: int


def read_texts(
    model: Model, data: Dataset, split: str, *, label: str | None = None, rows: int | None = None, seed: int = 0
) -> Texts:
    """Rows of a split, drawn without putting back, in the order of the split.

    Args:
        label: the class that they are drawn from; None for all.
        rows: how many; all of them where the split has fewer, or for None.

    Raises:
        InputError: the split is missing or empty, a text or label is missing, or the classes are not the model's.
    """
    if label is not None and label not in model.labels:
        raise InputError(f"label: {label!r}", expected=f"a class of the model: {', '.join(model.labels)}")
    found = [row for row in data.rows(split) if label is None or str(row.get("label")) == label]
    if not found:
        raise InputError(f"the split {split!r} has no rows to attack", fix="choose another split or label")
    pending_transforms(model.transforms, data.transforms)
    chosen = np.sort(np.random.default_rng(seed).permutation(len(found))[:rows])
    for number in chosen:
        if found[number].get("text") is None or found[number].get("label") is None:
            raise InputError(f"row {number} of {split!r} has no text or no label", expected="text and label")
    places = {label: place for place, label in enumerate(model.labels)}
    unknown = sorted({str(found[number]["label"]) for number in chosen} - set(places))
    if unknown:
        raise InputError(
            f"the model does not know the label {unknown[0]!r}", expected=f"one of {', '.join(model.labels)}"
        )
    targets = np.array([places[str(found[number]["label"])] for number in chosen], dtype=np.int64)
    numbers = np.array([found[number][ROW_ID] for number in chosen], dtype=np.int64)
    return Texts([found[number] for number in chosen], numbers, targets)


def asker(predictor: Predictor) -> Callable[[Sequence[str]], np.ndarray]:
    """Texts → probabilities (texts, classes) of an opened model; each text is asked once."""
    labels = predictor.model.labels

    def ask(texts: Sequence[str]) -> np.ndarray:
        different = list(dict.fromkeys(texts))
        answers = predictor.predict([{"text": text} for text in different])
        found = {
            text: [answer["scores"][label] for label in labels] for text, answer in zip(different, answers, strict=True)
        }
        return np.array([found[text] for text in texts]).reshape(len(texts), len(labels))

    return ask


def attack(predictor: Predictor, chosen: Texts, data: Dataset, attack: Attack, *, title: str) -> list[Trail]:
    """Search edits that turn the answers to rows, those already wrong left out with an empty trail."""
    ask = asker(predictor)
    right = ask(chosen.texts).argmax(axis=1) == chosen.targets
    good = None
    if attack.kind == "insert":
        good = telling_words(predictor.model, read_texts(predictor.model, data, "train"))
    places = np.flatnonzero(right)
    with progress(title) as bar:

        def watched(texts: Sequence[str]) -> np.ndarray:
            answers = ask(texts)
            bar.advance(len(texts))
            return answers

        def propose(
            words: text_edits.Words, place: int, target: int, random: np.random.Generator
        ) -> list[text_edits.Edit]:
            offered = good[target] if good else ()
            return text_edits.propose(attack.kind, words, place, choices=attack.choices, random=random, good=offered)

        found = greedy_search.search(
            [chosen.texts[place] for place in places],
            [int(chosen.targets[place]) for place in places],
            watched,
            propose,
            budget=attack.budget,
            seed=attack.seed,
        )
    trails = [Trail() for _ in chosen.rows]
    for place, trail in zip(places, found, strict=True):
        trails[place] = trail
    return trails


def telling_words(model: Model, learned: Texts) -> list[list[str]]:
    """For each class, the words that ``insert`` draws from: those that speak most against it."""
    return text_edits.telling_words(learned.texts, learned.targets.tolist(), len(model.labels), TELLING_WORDS)
