"""``split share``: fewer training rows, as a learning curve takes them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np

from modelyard.core.dataset import TRAINING, Dataset
from modelyard.core.errors import InputError
from modelyard.core.options import Between
from modelyard.core.step import step
from modelyard.methods.splitting import apportion
from modelyard.steps.split._rows import classes


@step
def share(data: Dataset, *, out: Path, share: Annotated[float, Between(0.0001, 1.0)] = 0.5, seed: int = 0) -> Dataset:
    """Keep a share of the training rows, of every class alike.

    The rows of a smaller share are among those of a larger one of the same seed. ``modelyard learning-curve`` does a
    recipe on several shares.

    Args:
        data: the dataset; only its split train changes.
        share: of the training rows that stays.
        seed: of the rows that are drawn.
    """
    table = data.table(TRAINING)
    of_class, random, kept = classes(table), np.random.default_rng(seed), []
    for number in np.unique(of_class):
        rows = random.permutation(np.flatnonzero(of_class == number))
        kept.append(rows[: apportion(len(rows), [share, 1 - share])[0]])
    chosen = np.sort(np.concatenate([np.zeros(0, dtype=np.int64), *kept]))
    if not len(chosen):
        raise InputError(f"a share of {share:g} of {table.num_rows} rows is none", fix="keep a larger share")
    return data.rewrite(out, {**data.tables(), TRAINING: table.take(chosen)})
