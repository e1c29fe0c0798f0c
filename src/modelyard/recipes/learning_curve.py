"""How a recipe's scores grow with the training rows: whether more rows would help."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelyard.core import lookup
from modelyard.core.errors import InputError
from modelyard.core.report import Figure, Findings, Measure, Report, Series, Table
from modelyard.methods.intervals import difference
from modelyard.methods.overfitting import LESS_IS_BETTER, training_name
from modelyard.recipes import resampling
from modelyard.recipes.recipe import read_recipe
from modelyard.recipes.resampling import OnResult, Scored
from modelyard.yard.yard import Yard

SHARES = (0.1, 0.25, 0.5, 1.0)


@dataclass(frozen=True)
class LearningCurve:
    """A finished curve."""

    report: Report
    shares: tuple[float, ...]
    scored: tuple[Scored, ...]

    def to_json(self) -> dict[str, Any]:
        """What ``--json`` prints."""
        points = [
            {"share": share, "rows": item.training_rows, "measures": {k: m.to_json() for k, m in item.measures.items()}}
            for share, item in zip(self.shares, self.scored, strict=True)
        ]
        return {"points": points, "report": str(self.report.path), "digest": self.report.digest}


def learning_curve(
    path: Path, yard: Yard, *, shares: Sequence[float] = SHARES, on_result: OnResult = lambda node, result: None
) -> LearningCurve:
    """Do a recipe on growing shares of its training rows, always scored on the same rows.

    Args:
        path: the recipe.
        yard: where results are kept; shares that were done are not done again.
        shares: of the training rows, from above 0 to 1.
        on_result: called after each step.

    Raises:
        InputError: the recipe cannot be used, or scores nothing.
    """
    chosen = tuple(sorted(set(shares)))
    if len(chosen) < 2:
        raise InputError(f"shares: {', '.join(map(str, shares))}", expected="two shares or more, such as 0.25,0.5,1")
    recipe = read_recipe(path)
    resampling.check(recipe)
    asked = [{"share": share, "seed": recipe.seed} for share in chosen]
    scored = [resampling.score(recipe, yard, "split share", options, on_result) for options in asked]
    findings = describe(scored, lookup.task(recipe.task).measures[0])
    return LearningCurve(resampling.keep("learning-curve", recipe, findings, scored, yard), chosen, tuple(scored))


def describe(scored: Sequence[Scored], headline: str) -> Findings:
    """A table, a picture of training and test scores with their intervals, and a sentence."""
    sizes = [item.training_rows for item in scored]
    tested = [item.measures[headline] for item in scored]
    training = [item.measures.get(training_name(headline), Measure(None)) for item in scored]
    series = [_line("rows not seen", sizes, tested)]
    if any(item.value is not None for item in training):
        series.append(_line("training rows", sizes, training))
    figure = Figure("Learning curve", "line", "training rows", headline, series)
    rows = [
        [size, other.value, other.low, other.high, own.value, own.low, own.high]
        for size, other, own in zip(sizes, tested, training, strict=True)
    ]
    columns = ["training rows", headline, "from", "to", "on training rows", "from", "to"]
    table = Table("Learning curve", columns, rows)
    return Findings({headline: tested[-1]}, [table], [figure], [_say(headline, scored)])


def _line(name: str, sizes: Sequence[int], measures: Sequence[Measure]) -> Series:
    """Scores over the rows that were learned from, in a band where all have an interval."""
    low, high = (
        [value for value in ends if value is not None]
        for ends in zip(*((m.low, m.high) for m in measures), strict=True)
    )
    band = (low, high) if len(low) == len(high) == len(measures) else (None, None)
    return Series(name, [float(size) for size in sizes], [item.value for item in measures], *band)


def _say(name: str, scored: Sequence[Scored]) -> str:
    before, last = scored[-2].measures[name], scored[-1].measures[name]
    rows = f"from {scored[-2].training_rows} to {scored[-1].training_rows} training rows"
    if before.value is None or last.value is None:
        return f"{name} is not known {rows}."
    low, high = difference((last.value, (last.low, last.high)), (before.value, (before.low, before.high)))
    change = f"{name} went from {before.value:.4g} to {last.value:.4g} {rows}"
    if low is None or high is None:
        return f"{change}; without intervals nobody can tell whether more rows help."
    better = high < 0 if name in LESS_IS_BETTER else low > 0
    if better:
        return f"{change}: it still rises, and more rows would help."
    return f"{change}, which chance explains ({low:+.2g} to {high:+.2g}): more rows of this kind may not help."
