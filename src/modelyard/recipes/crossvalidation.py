"""Cross-validation of a whole recipe: every fold is split, trained, converted and scored anew.

What is judged is the procedure and not one model: what another draw of the rows would have come to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelyard.core.errors import InputError
from modelyard.core.report import Figure, Findings, Measure, Report, Series, Table
from modelyard.methods import resampled
from modelyard.recipes import resampling
from modelyard.recipes.recipe import read_recipe
from modelyard.recipes.resampling import OnResult, Scored
from modelyard.yard.yard import Yard

MOST_COLUMNS = 6
"""Measures that the table of folds shows."""


@dataclass(frozen=True)
class CrossValidated:
    """A finished cross-validation."""

    report: Report
    folds: tuple[Scored, ...]

    def to_json(self) -> dict[str, Any]:
        """What ``--json`` prints."""
        measures = {name: measure.to_json() for name, measure in self.report.findings.measures.items()}
        folds = [{name: measure.value for name, measure in fold.measures.items()} for fold in self.folds]
        return {"measures": measures, "folds": folds, "report": str(self.report.path), "digest": self.report.digest}


def crossvalidate(
    path: Path,
    yard: Yard,
    *,
    folds: int = 5,
    repeats: int = 1,
    splits: Sequence[str] | None = None,
    against: Path | None = None,
    confidence: float = 0.95,
    on_result: OnResult = lambda node, result: None,
) -> CrossValidated:
    """Do a recipe on each fold of its rows, and say what its measures come to together.

    Args:
        path: the recipe.
        yard: where results are kept; folds that were done are not done again.
        folds: parts that take turns in being tested, with the same share of every class.
        repeats: how often the rows are divided anew.
        splits: whose rows are divided; train and validation, so that the test rows stay unseen.
        against: another recipe that is done on the same folds; ``NAME_difference`` is ours minus its measure.
        confidence: of the corrected resampled t intervals (Nadeau and Bengio 2003).
        on_result: called after each step.

    Raises:
        InputError: a recipe cannot be used, or scores nothing.
    """
    for name, number, least in (("folds", folds, 2), ("repeats", repeats, 1)):
        if number < least:
            raise InputError(f"{name}: {number}", expected=f"{least} or more")
    recipes = [read_recipe(item) for item in (path, against) if item is not None]
    for recipe in recipes:
        resampling.check(recipe)
    asked = [
        {"folds": folds, "number": number, "seed": recipes[0].seed + repeat, "splits": splits and list(splits)}
        for repeat in range(repeats)
        for number in range(1, folds + 1)
    ]
    scored = [
        [resampling.score(recipe, yard, "split fold", options, on_result) for options in asked] for recipe in recipes
    ]
    ours, *others = scored
    findings = describe(ours, others[0] if others else None, folds=folds, confidence=confidence)
    report = resampling.keep("crossvalidate", recipes[0], findings, [item for each in scored for item in each], yard)
    return CrossValidated(report, tuple(ours))


def describe(ours: Sequence[Scored], others: Sequence[Scored] | None, *, folds: int, confidence: float) -> Findings:
    """Mean, interval, table and picture of what the folds were scored with."""
    ratio = sum(item.test_rows for item in ours) / max(1, sum(item.training_rows for item in ours))
    values = _values(ours)
    measures = {name: _mean(each, ratio, ours[0].measures[name].unit, confidence) for name, each in values.items()}
    headline = [name for name in values if ":" not in name][:MOST_COLUMNS]
    rows = [
        [place // folds + 1, place % folds + 1, item.test_rows, *(values[name][place] for name in headline)]
        for place, item in enumerate(ours)
    ]
    table = Table("Folds", ["repeat", "fold", "rows", *headline], rows)
    names = [f"{place // folds + 1}.{place % folds + 1}" for place in range(len(ours))]
    series = [Series("this recipe", names, values[headline[0]])]
    notes = [
        f"{len(ours)} trainings on about {ours[0].training_rows} rows each, scored on rows that they had not seen; the "
        "intervals allow for the rows that the trainings share (Nadeau and Bengio 2003)."
    ]
    if others is not None:
        found = _values(others)
        series.append(Series("the other recipe", names, found[headline[0]]))
        differences = {
            name: [a - b for a, b in zip(values[name], found[name], strict=True)] for name in found if name in values
        }
        for name, each in differences.items():
            measures[f"{name}_difference"] = _mean(each, ratio, ours[0].measures[name].unit, confidence)
        p = resampled.p_value(differences[headline[0]], ratio)
        measures["difference_p"] = Measure(p, n=len(ours), confidence=confidence)
        notes.append(_say(headline[0], measures[f"{headline[0]}_difference"], p))
    return Findings(measures, [table], [_picture(names, series, measures[headline[0]], headline[0])], notes)


def _picture(names: Sequence[str], series: Sequence[Series], mean: Measure, measure: str) -> Figure:
    """The score of each fold, over their mean with its interval as a band."""
    known = mean.low is not None and mean.high is not None
    band = [[end or 0.0] * len(names) for end in (mean.low, mean.high)] if known else [None, None]
    level = Series(f"mean of {series[0].name}", names, [mean.value] * len(names), *band)
    return Figure("Folds", "line", "repeat.fold", measure, [*series, level])


def _values(scored: Sequence[Scored]) -> Mapping[str, list[float]]:
    """Measure → its value in each run; those that some run could not tell are left out."""
    found: dict[str, list[float]] = {}
    for name in scored[0].measures:
        each = [item.measures[name].value for item in scored if name in item.measures]
        known = [value for value in each if value is not None]
        if len(known) == len(scored):
            found[name] = known
    return found


def _mean(values: Sequence[float], ratio: float, unit: str, confidence: float) -> Measure:
    mean = sum(values) / len(values)
    return Measure(mean, *resampled.interval(values, ratio, confidence), len(values), unit, confidence)


def _say(name: str, difference: Measure, p: float | None) -> str:
    if difference.low is None or difference.high is None or p is None or difference.value is None:
        return f"Two runs or more are needed to tell whether the two recipes differ in {name}."
    span = f"{difference.value:+.2g} ({difference.low:+.2g} to {difference.high:+.2g}), p {p:.2g}"
    proven = difference.low > 0 or difference.high < 0
    return f"The two recipes differ in {name}: {span}." if proven else f"No difference in {name} is proven: {span}."
