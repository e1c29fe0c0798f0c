"""Copies of texts with some words edited."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from modelyard.core.dataset import TRAINING, Dataset
from modelyard.methods import text_edits, text_variation
from modelyard.methods.text_edits import Kind
from modelyard.steps.augment._copies import check_role, replaced, with_copies

ROLE = "text"
INSTEAD = "for tables take augment noise or augment mixup, for images augment images"


Vary = Callable[[Sequence[int], Sequence[str], np.random.Generator], Sequence[str]]
"""Numbers of rows, their texts and a source of chance → the texts changed."""


def edit(data: Dataset, out: Path, kind: Kind, *, copies: int, rate: float, seed: int) -> Dataset:
    """Add copies of the texts to learn from, with some words edited.

    Args:
        kind: which edits.
        rate: share of the words that are edited.

    Raises:
        InputError: the data hold no texts, or there are none to learn from.
    """
    check_role(data, ROLE, f"augment {kind}", INSTEAD)
    words = _words_to_insert(data.table(TRAINING)) if kind == "insert" else None

    def vary(rows: Sequence[int], texts: Sequence[str], random: np.random.Generator) -> Sequence[str]:
        return [
            text_variation.vary_share(text, kind, rate, random, words[row] if words else ())
            for row, text in zip(rows, texts, strict=True)
        ]

    return with_varied(data, out, f"augment {kind}", copies, seed, vary)


def with_varied(data: Dataset, out: Path, change: str, copies: int, seed: int, vary: Vary) -> Dataset:
    """Add changed copies of the texts to learn from; one that came out as its text is left out.

    Raises:
        InputError: there are no rows to learn from.
    """

    def make(table: Any, random: np.random.Generator) -> Any:
        import pyarrow as pa

        there = [(row, text) for row, text in enumerate(table.column(ROLE).to_pylist()) if text is not None]
        varied = vary([row for row, _ in there], [text for _, text in there], random)
        changed = [(row, new) for (row, old), new in zip(there, varied, strict=True) if new != old]
        return replaced(table, [row for row, _ in changed], ROLE, pa.array([new for _, new in changed], pa.string()))

    return with_copies(data, out, change, copies, seed, make)


def _words_to_insert(table: Any) -> list[list[str]]:
    """For each row the words of its class, as often as they occur; of all texts where there are no classes."""
    texts = table.column(ROLE).to_pylist()
    labels = table.column("label").to_pylist() if "label" in table.column_names else [""] * len(texts)
    found: dict[str, list[str]] = {label: [] for label in labels}
    for label, text in zip(labels, texts, strict=True):
        found[label] += text_edits.split(text or "").words
    return [found[label] for label in labels]
