"""``impute gan``: a generator learns to fill gaps so that a discriminator cannot tell what was filled."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from modelyard.core.dataset import Dataset
from modelyard.core.errors import InputError
from modelyard.core.options import Between
from modelyard.core.step import step
from modelyard.steps.impute._filling import impute


@step(needs="features")
def gan(
    data: Dataset,
    *,
    out: Path,
    steps: Annotated[int, Between(1, 1_000_000)] = 3000,
    batch_size: Annotated[int, Between(1, 65536)] = 128,
    reconstruction: Annotated[float, Between(0.0, 1e6)] = 100.0,
    seed: Annotated[int, Between(0, 2**32 - 1)] = 0,
) -> Dataset:
    """Fill gaps with a generative adversarial network (GAIN).

    Yoon, Jordon and van der Schaar 2018: two small networks, trained on the rows with their gaps. The model keeps the
    generator and needs no torch to run it. Categories take the most frequent one. It needs gaps to learn from and
    hundreds of rows; on small tables iterative is mostly better.

    Args:
        data: rows of a table, loaded with missing: keep.
        steps: updates of each network.
        batch_size: rows of one update.
        reconstruction: weight of the error on values that were there, beside the discriminator's verdict.
        seed: of weights, batches and noise.

    Raises:
        InputError: no table, a column without any value, or no gap among the numbers of the training rows.
    """

    def fit(seen: np.ndarray) -> Mapping[str, Any]:
        from modelyard.networks import gain

        if not np.isnan(seen).any():
            raise InputError(
                "impute gan: no number is missing in the training rows",
                expected="gaps to learn from",
                fix="take impute iterative, which learns from whole rows too, or leave the step out",
            )
        low = np.nanmin(seen, axis=0)
        span = np.nanmax(seen, axis=0) - low
        span = np.where(span > 0, span, 1.0)
        layers = gain.train(
            (seen - low) / span, steps=steps, batch_size=batch_size, reconstruction=reconstruction, seed=seed
        )
        return {"low": low.tolist(), "span": span.tolist(), "layers": layers}

    return impute(data, out, "generated", fit)
