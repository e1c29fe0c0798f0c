"""Copies of texts with some words edited."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from modelyard.core.dataset import TRAINING, Dataset
from modelyard.methods import text_edits, text_variation
from modelyard.methods.text_edits import Kind
from modelyard.steps.augment._copies import check_role, numbered, replaced, with_copies

ROLE = "text"
INSTEAD = "for tables take augment noise or augment mixup, for images augment images"


def edit(data: Dataset, out: Path, kind: Kind, *, copies: int, rate: float, seed: int) -> Dataset:
    """Add copies of the texts to learn from; one that came out as its text is left out.

    Args:
        kind: which edits.
        rate: share of the words that are edited.

    Raises:
        InputError: the data hold no texts, or there are none to learn from.
    """
    check_role(data, ROLE, f"augment {kind}", INSTEAD)
    known = data.table(TRAINING)
    words = _words_of_classes(known) if kind == "insert" else None
    labels = known.column("label").to_pylist() if "label" in known.column_names else [""] * known.num_rows

    def make(table: Any, random: np.random.Generator) -> Any:
        import pyarrow as pa

        there = list(numbered(table.column(ROLE).to_pylist()))
        good = [words[labels[row]] for row, _ in there] if words is not None else None
        varied = text_variation.vary([text for _, text in there], kind, rate, random, good)
        changed = [(row, new) for (row, old), new in zip(there, varied, strict=True) if new != old]
        return replaced(table, [row for row, _ in changed], ROLE, pa.array([new for _, new in changed], pa.string()))

    return with_copies(data, out, f"augment {kind}", copies, seed, make)


def _words_of_classes(table: Any) -> Mapping[str, Sequence[str]]:
    """Class → the words of its texts, as often as they occur; one class for all where there are none."""
    texts = table.column(ROLE).to_pylist()
    labels = table.column("label").to_pylist() if "label" in table.column_names else [""] * len(texts)
    found: dict[str, list[str]] = {label: [] for label in labels}
    for label, text in zip(labels, texts, strict=True):
        found[label] += text_edits.split(text or "").words
    return found
