"""Which rows are mixed with which, and how much of each: mixup and CutMix.

Zhang, Cisse, Dauphin and Lopez-Paz, "mixup: Beyond empirical risk minimization", ICLR 2018; Yun et al., "CutMix:
Regularization strategy to train strong classifiers with localizable features", ICCV 2019. Arrays in, arrays out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Pairs:
    """Rows to mix.

    Attributes:
        first: (n,) rows.
        second: (n,) the rows that they are mixed with.
        share: (n,) of the first row in the mixture, at least a half.
    """

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    share: NDArray[np.float64]


def pairs(rows: int, alpha: float, random: np.random.Generator) -> Pairs:
    """Every row once, each with another drawn for it; shares are of Beta(alpha, alpha).

    The larger share is the first row's. That changes nothing for the mixtures as a whole, since the draw is the same
    seen from both sides, and says of which row a mixture is a copy.
    """
    share = random.beta(alpha, alpha, rows)
    return Pairs(np.arange(rows), random.permutation(rows), np.maximum(share, 1 - share))


def box(height: int, width: int, share: float, random: np.random.Generator) -> tuple[slice, slice]:
    """A part of an image of ``1 - share`` of its area and its proportions, about a point drawn evenly.

    Where it would reach beyond the edge it is cut off, so it may be smaller.
    """
    side = np.sqrt(1 - share)
    tall, wide = round(height * side), round(width * side)
    top, left = int(random.integers(height)) - tall // 2, int(random.integers(width)) - wide // 2
    return slice(max(0, top), min(height, top + tall)), slice(max(0, left), min(width, left + wide))
