"""Fills gaps with what a trained generator says of them; the generator runs here in numpy, so a server needs no torch.

The generator of GAIN (Yoon, Jordon and van der Schaar, "GAIN: Missing data imputation using generative adversarial
nets", ICML 2018), which :mod:`modelyard.networks.gain` trains. Arrays in, arrays out; NaN is a gap.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
NOISE = 0.01
"""Largest value of the noise that stands in a gap while the generator learns."""


class GeneratedImputer:
    """Runs the generator: layers with ReLU between them and a sigmoid at the end.

    Args:
        low: (columns,) smallest number seen.
        span: (columns,) largest less smallest, 1 where they are alike.
        layers: matrix (inputs, outputs) and constants (outputs,) of each layer; the first takes the scaled columns and,
            for each, whether it was there.
    """

    def __init__(
        self,
        low: Sequence[float],
        span: Sequence[float],
        layers: Sequence[tuple[Sequence[Sequence[float]], Sequence[float]]],
    ) -> None:
        self.low, self.span = np.asarray(low), np.asarray(span)
        self.layers = [(np.asarray(matrix), np.asarray(constants)) for matrix, constants in layers]

    def fill(self, values: Floats) -> Floats:
        """(rows, columns) without gaps. The noise is its mean here: the same row is always filled alike."""
        gaps = np.isnan(values)
        scaled = np.where(gaps, NOISE / 2, (values - self.low) / self.span)
        found = np.hstack([scaled, (~gaps).astype(np.float64)])
        for matrix, constants in self.layers[:-1]:
            found = np.maximum(found @ matrix + constants, 0.0)
        matrix, constants = self.layers[-1]
        answer = 1 / (1 + np.exp(-np.clip(found @ matrix + constants, -500, 500)))
        return np.where(gaps, answer * self.span + self.low, values)
