"""``test``: a model passes its behavioural suite, case by case. Knows no case; the room ``engines`` runs them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.predictor import Predictor
from modelyard.core.progress import progress
from modelyard.core.report import Figure, Findings, Measure, Report, Series, Table
from modelyard.core.source import Source
from modelyard.core.step import step
from modelyard.engines import behaviour
from modelyard.formats import suite as suites


def _read(source: Source) -> suites.Suite:
    return suites.read(source.path)


@step(measures=("tests_passed", "tests_failed"), reads=_read, holds={"tests_failed": "<= 0"})
def test(model: Model, suite: Source | None = None, *, out: Path, generated: bool = True) -> Report:
    """Run a behavioural suite: minimum functions, invariance, directions, abnormal input, latency.

    A suite is YAML: cases with rows (or templates that stand for many) and the one thing that must hold. Abnormal
    inputs are made for every task: empty, very long, other scripts, emoji, NaN, extreme values, images of odd sizes;
    they may be answered or refused with a reason, but break nothing. As a command it ends with 1 where a case fails.

    Args:
        model: the model under test.
        suite: a file `*.suite.yaml`, or a folder with such files and their images.
        generated: add the abnormal inputs that are made for the task.

    Raises:
        InputError: a suite that cannot be read, or speaks of classes or columns that the model does not have; no case
            was run.
    """
    read = _read(suite) if suite else suites.Suite(())
    with Predictor(model) as predictor:
        cases = behaviour.cases_of(read, predictor, generated=generated)
        if suite and suite.path.is_file() and cases[: len(read.cases)] != list(read.cases):
            raise InputError("the suite names images beside it", fix="give its folder: they belong to what is tested")
        if not cases:
            raise InputError("there is nothing to test", fix="give a suite, or leave generated: true")
        with progress("testing", len(cases)) as bar:
            outcomes = []
            for case in cases:
                outcomes.append(behaviour.run_case(case, predictor))
                bar.advance()
    return Report.write(out, _findings(outcomes), parents=[model])


def _findings(outcomes: Sequence[behaviour.Outcome]) -> Findings:
    failed = [item for item in outcomes if not item.passed]
    count = len(outcomes)
    measures = {
        "tests_passed": Measure(1 - len(failed) / count, n=count),
        "tests_failed": Measure(len(failed), n=count),
    }
    kinds = Counter(item.case.kind for item in outcomes)
    losing = Counter(item.case.kind for item in failed)
    names = sorted(kinds)
    rows: list[list[Any]] = [[kind, kinds[kind], losing[kind]] for kind in names]
    tables = [Table("Behavioural tests", ("kind", "cases", "failed"), rows)]
    if failed:
        shown: list[list[Any]] = [[item.case.name, item.case.kind, item.rows, item.wording] for item in failed]
        tables.append(Table("Cases that failed", ("case", "kind", "rows", "what was wrong"), shown))
    series = [
        Series("passed", names, [float(kinds[kind] - losing[kind]) for kind in names]),
        Series("failed", names, [float(losing[kind]) for kind in names]),
    ]
    return Findings(measures, tables, [Figure("Cases by kind", "bar", "", "cases", series)])
