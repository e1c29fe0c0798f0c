"""``augment noise``: copies of a table's rows with noise on their numbers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from modelyard.core.dataset import Dataset
from modelyard.core.options import Between
from modelyard.core.step import step
from modelyard.formats import feature_table
from modelyard.formats.table_model import ROLE
from modelyard.steps.augment._copies import replaced, with_copies

INSTEAD = "for texts take augment typos, for images augment images"


@step(needs="features")
def noise(
    data: Dataset,
    *,
    out: Path,
    copies: Annotated[int, Between(1, 100)] = 1,
    deviation: Annotated[float, Between(0.0, 10.0)] = 0.1,
    seed: Annotated[int, Between(0, 2**32 - 1)] = 0,
) -> Dataset:
    """Add copies of a table's rows with Gaussian noise on their numbers.

    For a network it works as an L2 penalty on how steep it is (Bishop, "Training with noise is equivalent to Tikhonov
    regularization", 1995). Categories and gaps stay as they are; whole numbers become fractions.

    Args:
        data: rows of a table.
        copies: of each row to learn from.
        deviation: of the noise, in standard deviations of the column.
        seed: of the noise.

    Raises:
        InputError: no table, or no training split.
    """
    feature_table.check_features(data.roles, instead=INSTEAD)

    def make(table: Any, random: np.random.Generator) -> Any:
        known = feature_table.read(table)
        spread = np.nanstd(known.numbers, axis=0)
        noisy = known.numbers + deviation * spread * random.standard_normal(known.numbers.shape)
        return replaced(table, np.arange(table.num_rows), ROLE, replace(known, numbers=noisy).to_arrow())

    return with_copies(data, out, "augment noise", copies, seed, make)
