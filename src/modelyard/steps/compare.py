"""Compares two evaluations of the same rows. Runs no model, and knows no measure: the task does the comparing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from modelyard.core import lookup
from modelyard.core.options import Between
from modelyard.core.report import Report
from modelyard.core.step import step


@step(measures=("agreement", "largest_difference"))
def compare(
    report: Report,
    reference: Report,
    *,
    out: Path,
    task: str,
    confidence: Annotated[float, Between(0.5, 0.999)] = 0.95,
    seed: int = 0,
) -> Report:
    """Say how far a model differs from a reference on the same rows, such as a quantized one from its source.

    ``NAME_drop`` is the reference's measure minus the model's; its interval is that of the paired difference, and
    so much narrower than those of the two measures.

    Args:
        report: evaluation of the model in question.
        reference: evaluation of the model that it is held against, on the same split of the same dataset.
        task: what both models do, as a Hugging Face pipeline tag such as text-classification.
        confidence: of the intervals.
        seed: of the bootstrap that some intervals come from.
    """
    findings = lookup.task(task).compare(report.findings, reference.findings, confidence=confidence, seed=seed)
    return Report.write(out, findings, parents=[report, reference])
