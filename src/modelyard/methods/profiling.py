"""Counts that tell whether a table is fit to learn from: missing, doubled, leaked, lopsided, too long.

Values in, JSON values out. Knows no file and no split other than by its name.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np

RARE = 10
"""A class with fewer training rows than this is warned about."""
OUTLYING = 50
"""A text that is so many times longer than nearly all others is warned about."""


def count_classes(labels: Mapping[str, Sequence[str]], names: Sequence[str]) -> dict[str, dict[str, int]]:
    """Split → class → rows, with a zero where a class has none."""
    return {split: {name: counts[name] for name in names} for split, counts in _counters(labels).items()}


def _counters(values: Mapping[str, Sequence[Hashable]]) -> dict[str, Counter[Hashable]]:
    return {split: Counter(items) for split, items in values.items()}


def count_duplicates(keys: Mapping[str, Sequence[Hashable]]) -> tuple[int, dict[str, int]]:
    """Rows that repeat an earlier row, and rows of each later split that the first split holds too.

    Args:
        keys: split → what makes a row the same as another (its inputs, without label and id), the
            training split first.
    """
    counters = _counters(keys)
    total = sum(counters.values(), Counter[Hashable]())
    repeated = sum(total.values()) - len(total)
    first, *others = counters
    leaked = {split: sum(n for key, n in counters[split].items() if key in counters[first]) for split in others}
    return repeated, leaked


def count_conflicts(keys: Sequence[Hashable], labels: Sequence[str]) -> int:
    """Inputs that occur with more than one label."""
    seen: dict[Hashable, set[str]] = {}
    for key, label in zip(keys, labels, strict=True):
        seen.setdefault(key, set()).add(label)
    return sum(len(found) > 1 for found in seen.values())


def text_lengths(texts: Sequence[str]) -> dict[str, float]:
    """Characters: smallest, median, 95th percentile (linear interpolation), largest."""
    lengths = np.array([len(text) for text in texts])
    return {
        "min": int(lengths.min()),
        "median": float(np.median(lengths)),
        "p95": round(float(np.percentile(lengths, 95)), 1),
        "max": int(lengths.max()),
    }


def warnings(profile: Mapping[str, Any], training: str) -> list[str]:
    """What a person should know before trusting a model made from this, in words.

    Args:
        profile: with ``rows``, ``splits``, ``duplicates``, ``duplicates_across_splits``, ``lengths``, and
            ``conflicting_labels`` where there are labels.
        training: name of the split that is learned from.
    """
    found = []
    if profile["duplicates"]:
        found.append(f"{profile['duplicates']} of {profile['rows']} rows repeat the input of an earlier row")
    for split, number in profile["duplicates_across_splits"].items():
        if number:
            rows = profile["splits"][split]["rows"]
            found.append(
                f"{number} of {rows} rows in {split} are in {training} too: scores on {split} flatter the model; "
                "remove doubled rows, or keep them together with split: {group: text}"
            )
    if profile.get("conflicting_labels"):
        found.append(
            f"{profile['conflicting_labels']} inputs occur with more than one label; check how they were labelled"
        )
    for role, lengths in profile["lengths"].items():
        if lengths["max"] > OUTLYING * max(lengths["p95"], 1):
            found.append(
                f"the longest {role} has {lengths['max']} characters, 95 of 100 have at most {lengths['p95']:g}: "
                "look for an unclosed quote that swallowed the rows after it"
            )
    for split, facts in profile["splits"].items():
        for name, number in facts.get("classes", {}).items():
            if number == 0:
                found.append(f"class {name!r} has no row in {split}: its scores there are undefined")
            elif split == training and number < RARE:
                found.append(f"class {name!r} has only {number} rows in {training}: too few to learn or to judge it")
    return found
