"""Mixtures of two rows, and how a soft label is written down: as two rows whose weights sum to one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from modelyard.core.dataset import Dataset
from modelyard.core.errors import InputError
from modelyard.formats import image_file
from modelyard.formats.columns import put
from modelyard.methods import mixing
from modelyard.methods.mixing import Pairs
from modelyard.steps.augment._copies import replaced, with_copies

Mix = Callable[[Any, Pairs, np.random.Generator], tuple[Any, np.ndarray]]
"""The split and the pairs → the mixed values of the role, and the share that the first row really has."""
ANSWERS = ("label", "target")


def with_mixtures(
    data: Dataset, out: Path, change: str, *, role: str, copies: int, alpha: float, seed: int, mix: Mix
) -> Dataset:
    """Add a mixture for each row to learn from.

    The cross entropy of a soft label is the weighted sum of those of two labels. So a mixture of two classes becomes
    two rows of the same content, one of each class, whose weights are the shares: whatever learns from weighted rows
    learns from it. A mixture within a class is one row; one of two numbers has the mixed number.

    Args:
        role: what is mixed.
        mix: how.

    Raises:
        InputError: the data have neither label nor target.
    """
    if not set(ANSWERS) & set(data.roles):
        raise InputError(f"{change}: the data have neither label nor target", fix="name one under data: columns:")

    def make(table: Any, random: np.random.Generator) -> Any:
        drawn = mixing.pairs(table.num_rows, alpha, random)
        values, share = mix(table, drawn, random)
        return _answered(replaced(table, drawn.first, role, values), table, drawn, share)

    return with_copies(data, out, change, copies, seed, make, weighted=True)


def _answered(mixed: Any, table: Any, drawn: Pairs, share: np.ndarray) -> Any:
    """The mixtures with their answers and weights."""
    import pyarrow as pa

    if "label" not in table.column_names:
        targets = np.asarray(table.column("target").to_pylist(), dtype=np.float64)
        between = share * targets[drawn.first] + (1 - share) * targets[drawn.second]
        return put(mixed, "target", pa.array(between, pa.float64()))
    labels = np.array(table.column("label").to_pylist(), dtype=object)
    apart = np.flatnonzero((labels[drawn.first] != labels[drawn.second]) & (share < 1))
    own = np.ones(len(labels))
    own[apart] = share[apart]
    others = put(mixed.take(pa.array(apart)), "label", pa.array(labels[drawn.second[apart]], pa.string()))
    return pa.concat_tables([_weigh(mixed, own), _weigh(others, 1 - share[apart])])


def _weigh(table: Any, shares: np.ndarray) -> Any:
    import pyarrow as pa

    return put(table, "weight", pa.array(table.column("weight").to_numpy() * shares, pa.float64()))


def images_of(table: Any) -> list[np.ndarray]:
    """Pixels of the images of a split."""
    return [np.asarray(image_file.decode(data)) for data in table.column("image").to_pylist()]


def like(image: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The other image at the size of this one."""
    if image.shape == other.shape:
        return other
    from PIL import Image

    return np.asarray(Image.fromarray(other).resize((image.shape[1], image.shape[0]), Image.Resampling.BILINEAR))
