"""Rows that are the same or nearly so, and those of them that stand on both sides of a split: leakage."""

from __future__ import annotations

import io
from collections.abc import Iterable

import numpy as np

from modelyard.core.artifact import hash_bytes
from modelyard.core.report import Figure, Findings, Measure, Series, Table
from modelyard.engines.profiling.rows import Rows
from modelyard.methods import difference_hash, near_duplicates

SHOWN = 20
BITS = 2
"""Of 64: images that differ in no more are nearly the same."""
DIGITS = 3
"""Numbers are nearly the same if they are so to this many digits."""

Near = dict[tuple[int, int], float]
"""Places of two rows, the earlier first → similarity."""


def find(rows: Rows, near: float, seed: int) -> Findings:
    """Shares of rows that repeat an earlier one, or nearly, and of judged rows that the training rows hold.

    Texts are nearly the same if they share ``near`` of their 5-grams; rows of a table if their text is the same and
    their numbers are to three digits; images if their difference hashes differ in at most two of 64 bits.
    """
    same = _equal(_keys(rows, digits=17))
    alike = {pair: value for pair, value in _alike(rows, near, seed).items() if pair not in same}
    places = rows.places()
    repeated, nearly = {other for _, other in same}, {other for _, other in alike}
    leaks = {split: set[int]() for split in rows.splits if split not in (rows.training, "unlabelled")}
    for first, second in [*same, *alike]:
        for one, other in ((first, second), (second, first)):
            if places[one][0] == rows.training and places[other][0] in leaks:
                leaks[places[other][0]].add(other)
    judged = sum(len(rows.ids[split]) for split in leaks)
    measures = {
        "duplicate_share": Measure(len(repeated) / rows.total, n=rows.total),
        "near_duplicate_share": Measure(len(nearly - repeated) / rows.total, n=rows.total),
        "leaked_share": Measure(sum(map(len, leaks.values())) / judged if judged else None, n=judged),
    }
    if not same and not alike:
        return Findings(measures, notes=["No two rows are the same, or nearly."])
    shares = {split: len(found) / max(1, len(rows.ids[split])) for split, found in leaks.items()}
    figure = Figure(
        f"Rows that {rows.training} holds too",
        "bar",
        "",
        "share of rows",
        [Series("rows", list(shares), list(shares.values()))],
    )
    return Findings(measures, [_table(rows, same | alike)], [figure] if shares else [])


def _table(rows: Rows, pairs: Near) -> Table:
    places, excerpts = rows.places(), rows.excerpts()
    # Leaks first, then by what is shared.
    order = sorted(pairs, key=lambda pair: (places[pair[0]][0] == places[pair[1]][0], -pairs[pair], pair))
    shown: list[list[str | float]] = [
        [*places[first], *places[second], pairs[first, second], excerpts[second]] for first, second in order[:SHOWN]
    ]
    return Table("Rows that are the same or nearly so", ["split", "row", "split", "row", "similarity", "begins"], shown)


def _keys(rows: Rows, digits: int) -> list[str]:
    names = [name for kind in ("number", "text", "other") for name in rows.inputs(kind)]
    values = (rows.all(name) for name in names)
    return [repr([_spelled(value, digits) for value in row]) for row in zip(*values, strict=True)]


def _spelled(value: object, digits: int) -> object:
    if isinstance(value, float):
        return f"{value:.{digits}g}"
    return hash_bytes(value) if isinstance(value, bytes) else value


def _equal(keys: Iterable[str]) -> Near:
    """Each row that repeats an earlier one, with the first of them."""
    firsts: dict[str, int] = {}
    found: Near = {}
    for place, key in enumerate(keys):
        first = firsts.setdefault(key, place)
        if first != place:
            found[first, place] = 1.0
    return found


def _alike(rows: Rows, near: float, seed: int) -> Near:
    texts, images = rows.inputs("text"), rows.inputs("other")
    if texts and not rows.inputs("number"):
        joined = ["\n".join(value or "" for value in values) for values in zip(*map(rows.all, texts), strict=True)]
        return {(pair.first, pair.second): pair.similarity for pair in near_duplicates.pairs(joined, near, seed)}
    if images and isinstance(rows.all(images[0])[0], bytes):
        hashes = [difference_hash.difference_hash(grey(image, (9, 8))) for image in rows.all(images[0])]
        return {(one, other): 1 - bits / 64 for one, other, bits in difference_hash.near_pairs(hashes, BITS)}
    return dict.fromkeys(_equal(_keys(rows, DIGITS)), 1 - 10.0**-DIGITS)


def grey(image: bytes, size: tuple[int, int]) -> np.ndarray:
    """An image's brightness, (height, width), at a size given as width and height."""
    from PIL import Image

    with Image.open(io.BytesIO(image)) as opened:
        return np.asarray(opened.convert("L").resize(size), dtype=np.float64)
