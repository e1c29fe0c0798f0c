"""SmoothGrad: the mean gradient over noisy copies of the input, times what the input has over its baseline.

Smilkov et al., "SmoothGrad: removing noise by adding noise", 2017. The plain gradient of a deep network changes sharply
from point to point; its mean over near points does not.
"""

from __future__ import annotations

import numpy as np

from modelyard.methods.integrated_gradients import Function

NOISE = 0.15
"""Standard deviation of the noise as a share of the input's range, in the middle of what the paper found best."""


def explain(function: Function, inputs: np.ndarray, baseline: np.ndarray, *, steps: int, seed: int) -> np.ndarray:
    """Attributions in the shape of the inputs.

    Args:
        steps: noisy copies.
    """
    scale = NOISE * float(inputs.max() - inputs.min())
    noise = np.random.default_rng(seed).normal(0, scale, (steps, *inputs.shape))
    _, gradients = function(inputs + noise)
    return np.asarray((inputs - baseline) * gradients.mean(axis=0))
