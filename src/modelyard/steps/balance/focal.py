"""``balance focal``: rows that the network is sure of count less in training.

Knows no loss; a training step reads the exponent of each row.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from modelyard.core.dataset import TRAINING, Dataset
from modelyard.core.options import Between
from modelyard.core.step import step
from modelyard.formats.columns import put
from modelyard.steps.balance._classes import training_classes

ROLE = "focus"


@step(needs="labels")
def focal(data: Dataset, *, out: Path, gamma: Annotated[float, Between(0, 10)] = 2.0) -> Dataset:
    """Train with the focal loss, which hardly counts rows that the network is sure of.

    Lin et al. 2017: a row whose class has the probability p counts (1 - p)^gamma, so the many easy rows of a large
    class do not drown the few hard ones. Probabilities come out less sure than they should: calibrate them where they
    matter. It goes together with balance weights, the paper's alpha. Networks only: fit has no such loss.

    Args:
        data: with a label.
        gamma: exponent; 0 is the plain loss.

    Raises:
        InputError: no training split, or no label.
    """
    training_classes(data)
    tables = {name: _with(table, gamma if name == TRAINING else 0.0) for name, table in data.tables().items()}
    return data.rewrite(out, tables)


def _with(table: Any, gamma: float) -> Any:
    import pyarrow as pa

    return put(table, ROLE, pa.array([gamma] * table.num_rows, pa.float64()))
