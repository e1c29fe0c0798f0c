"""What the detectors share: a score for each row as it is and as an attack left it, judged and written down."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from modelyard.core.artifact import Artifact
from modelyard.core.errors import InputError
from modelyard.core.report import Findings, Report, Table
from modelyard.methods import separation

MEASURES = ("detection_auc", "detection_auc:*", "detection_rate")
FALSE_ALARMS = 0.05
LIMIT = (
    "Measured on an attack that does not know the detector; one that does can evade it. No detector of poisoned "
    "training data is offered: those that were tried found too little to be relied on."
)


def write(
    name: str,
    attacked: np.ndarray,
    ordinary: np.ndarray,
    *,
    confidence: float,
    notes: Sequence[str],
    out: Path,
    parents: Sequence[Artifact],
) -> Report:
    """Judge scores of attacked and of ordinary rows.

    Raises:
        InputError: the attack changed no row.
    """
    if not len(attacked):
        raise InputError(
            f"detect {name}: the attack changed no row",
            expected="rows that the model answers rightly",
            fix="raise the budget, or train the model first",
        )
    found = separation.area(attacked, ordinary, confidence)
    rate = separation.caught(attacked, ordinary, FALSE_ALARMS, confidence)
    quantiles = (0.05, 0.5, 0.95)
    rows: list[list[str | float | int | None]] = [
        [kind, len(scores), *(float(value) for value in np.quantile(scores, quantiles))]
        for kind, scores in (("ordinary", ordinary), ("attacked", attacked))
    ]
    table = Table("Scores", ["rows", "n", *(f"{share:.0%} below" for share in quantiles)], rows)
    figure = separation.picture("Attacked rows found", name, attacked, ordinary, "attacked rows found")
    measures = {"detection_auc": found, f"detection_auc:{name}": found, "detection_rate": rate}
    note = f"detection_rate is the share of attacked rows found where {FALSE_ALARMS:.0%} of ordinary ones are flagged."
    return Report.write(out, Findings(measures, [table], [figure], [*notes, note, LIMIT]), parents=parents)
