"""How much better a model is on the rows that it learned from than on others, and what that means in words.

Knows measures with their intervals, no model.
"""

from __future__ import annotations

from collections.abc import Mapping

from modelyard.core.report import Figure, Findings, Measure, Series, Table
from modelyard.methods.intervals import difference

LESS_IS_BETTER = frozenset({"rmse", "mae", "perplexity", "bits_per_byte", "log_loss", "calibration_error", "set_size"})
_ADVICE = "It has learned rows by heart: more or augmented data, fewer epochs, dropout or weight decay help."


def gap_name(measure: str) -> str:
    return f"{measure}_gap"


def training_name(measure: str) -> str:
    return f"{measure}_training"


def compare(training: Mapping[str, Measure], other: Mapping[str, Measure], *, headline: str, split: str) -> Findings:
    """How far the measures of the training rows are ahead; above zero they are the better ones.

    The two are of different rows, so the interval is that of a difference of independent estimates.

    Args:
        training: measures on training rows.
        other: the same of the split ``split``.
        headline: the measure that is reported as ``NAME_gap`` beside ``NAME_training``, drawn and said in words.
    """
    gaps = {name: _gap(name, training[name], other[name]) for name in training if name in other and ":" not in name}
    known = {name: gap for name, gap in gaps.items() if gap.value is not None}
    rows = [
        [name, training[name].value, other[name].value, gap.value, gap.low, gap.high] for name, gap in known.items()
    ]
    columns = ["measure", "training", split, "gap", "from", "to"]
    table = Table(f"Training rows against {split}", columns, rows)
    gap = gaps.get(headline, Measure(None))
    if gap.value is None:
        return Findings({gap_name(headline): gap}, [table])
    measures = {gap_name(headline): gap, training_name(headline): training[headline]}
    both = (training[headline], other[headline])
    series = Series(
        headline,
        ["training", split],
        [item.value for item in both],
        *([[item.low, item.high][end] or 0.0 for item in both] for end in (0, 1)),
    )
    figure = Figure(f"Training rows against {split}", "bar", "", headline, [series])
    return Findings(measures, [table], [figure], [_say(headline, both, gap, split)])


def _gap(name: str, training: Measure, other: Measure) -> Measure:
    better, worse = (other, training) if name in LESS_IS_BETTER else (training, other)
    if better.value is None or worse.value is None:
        return Measure(None)
    interval = difference((better.value, (better.low, better.high)), (worse.value, (worse.low, worse.high)))
    return Measure(better.value - worse.value, *interval, n=other.n, unit=other.unit, confidence=other.confidence)


def _say(name: str, both: tuple[Measure, Measure], gap: Measure, split: str) -> str:
    training, other = both
    what = f"{name} is {training.value:.4g} on training rows and {other.value:.4g} on {split}"
    if gap.low is None or gap.high is None:
        return f"Over-fitting cannot be judged: {what}, without an interval."
    span = f"a gap of {gap.value:.2g} ({gap.low:.2g} to {gap.high:.2g})"
    if gap.low > 0:
        return f"The model has over-fitted: {what}, {span}. {_ADVICE}"
    if gap.high < 0:
        return f"No over-fitting: {what}, {span}. The training rows are the harder ones, or were balanced."
    return f"No over-fitting seen: {what}, {span}, which chance explains; a gap above {gap.high:.2g} would have shown."
