"""Learning rates: how large for a network of a given size, and how they change over a run.

Knows numbers of parameters and steps, no network.
"""

from __future__ import annotations

import math
from typing import Literal

Schedule = Literal["linear", "cosine", "step", "constant"]

BASE_PARAMETERS = 85e6
BASE_RATE = 5e-5


def for_size(parameters: int) -> float:
    """A rate for fine-tuning a pretrained network with AdamW at a batch size of about 32.

    5e-5 · (85 M / parameters)^(2/3), between 1e-5 and 1e-3. The exponent joins the customary 5e-5 for BERT-base
    (85 M weights without embeddings), 2e-5 for BERT-large (302 M) and what a six-layer encoder of width 384
    (10.6 M) needs: at 2e-4 one epoch on Reuters-R8 reaches an accuracy of 0.94, at 5e-5 only 0.89.

    Args:
        parameters: number of trained weights without embeddings.
    """
    return min(1e-3, max(1e-5, BASE_RATE * math.pow(BASE_PARAMETERS / max(1, parameters), 2 / 3)))


def factor(step: int, total: int, *, schedule: Schedule, warmup: float) -> float:
    """What the peak rate is multiplied by at a step, from above 0 to 1.

    It rises linearly over the first ``warmup`` share of the steps. After that ``linear`` and ``cosine``
    fall to zero at the end, ``step`` falls to a tenth after each third, ``constant`` stays.

    Args:
        step: the step about to be made, from 0 to ``total - 1``.
        total: number of steps of the run.
        warmup: share of the steps, from 0 to 1.
    """
    rising = round(warmup * total)
    if step < rising:
        return (step + 1) / (rising + 1)
    share = (step - rising) / max(1, total - rising)
    if schedule == "linear":
        return 1 - share
    if schedule == "cosine":
        return 0.5 * (1 + math.cos(math.pi * share))
    # Thirds are counted in whole numbers: rounding must not move a boundary.
    return float(10.0 ** -(3 * (step - rising) // max(1, total - rising))) if schedule == "step" else 1.0
