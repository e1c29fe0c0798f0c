"""Scores of a classifier, each with a confidence interval, and the paired comparison of two classifiers.

Intervals: Wilson for proportions (accuracy, precision, recall; F1 is one in disguise), Newcombe for ROC-AUC, a
binomial one for average precision, the bootstrap for what is left. The comparison draws the same rows for both
models. Knows probabilities and targets, neither models nor rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from modelyard.core.errors import InputError, ModelyardError
from modelyard.core.report import Findings, Measure
from modelyard.methods.bootstrap import (
    RESAMPLES,
    basic_interval,
    drop_measures,
    percentile_interval,
    resample_kinds,
    resample_rows,
    widest,
)
from modelyard.methods.calibration import calibration_error
from modelyard.methods.classification_figures import draw_figures, write_tables
from modelyard.methods.confusion import ClassCounts, averages, count_classes, defined_mean, ratio
from modelyard.methods.delong import delong_p
from modelyard.methods.intervals import (
    UNKNOWN,
    f1_interval,
    matched_difference,
    mean_interval,
    roc_auc_interval,
    wilson,
)
from modelyard.methods.outcome import Outcome
from modelyard.methods.paired import mcnemar_p
from modelyard.methods.proportions import proportion
from modelyard.methods.ranking_scores import areas, cumulative_counts

RANKING_BUDGET = 50_000_000
"""Rows × classes × resamples that a paired comparison of rankings may cost; beyond it, resamples are saved."""

_FEWEST_RESAMPLES = 200


def judge(
    labels: Sequence[str],
    targets: np.ndarray,
    probabilities: np.ndarray,
    rows: np.ndarray,
    *,
    confidence: float,
    seed: int,
) -> Findings:
    """Score predictions against the truth.

    ``precision``, ``recall`` and ``f1`` are those of the last label if there are two, otherwise the macro average
    over the classes that occur. ``roc_auc`` and ``pr_auc`` (average precision) are one against the rest, averaged,
    if there are more than two. What a split cannot tell (a class without rows, no rows at all) has the value None.

    Args:
        labels: class names, k of them.
        targets: right class of each row, int [n].
        probabilities: [n, k], each row sums to 1.
        rows: row numbers in the source, int64 [n].
        confidence: of every interval, such as 0.95.
        seed: of the bootstrap.

    Raises:
        ModelyardError: the model gave a probability that is not a number.
    """
    probabilities = np.asarray(probabilities, dtype=np.float64).reshape(len(targets), len(labels))
    broken = int((~np.isfinite(probabilities)).any(axis=1).sum())
    if broken:
        raise ModelyardError(
            f"the model gave {broken} of {len(targets)} rows a probability that is not a number",
            fix="train with a lower learning rate or in float32, or convert the model again",
        )
    outcome = Outcome(tuple(labels), np.asarray(targets, dtype=np.int64), probabilities, np.asarray(rows))
    classes = count_classes(*outcome.kinds)
    each = _each_class(classes, confidence)
    measures = {
        **_averages(outcome, classes, each, confidence, seed),
        **_areas(outcome, confidence),
        **_losses(outcome, confidence, seed),
        **{f"{name}:{label}": each[name][number] for name in each for number, label in enumerate(labels)},
    }
    absent = [label for label, support in zip(labels, classes.support, strict=True) if support == 0]
    notes = [f"No row of this split is of the class {label!r}." for label in absent]
    return Findings(
        measures, write_tables(outcome.labels, each), draw_figures(outcome, confidence), notes, outcome.table()
    )


def compare(ours: Findings, reference: Findings, *, confidence: float, seed: int) -> Findings:
    """Two evaluations of the same rows: agreement, largest difference, and how far each measure dropped.

    ``agreement`` is the share of rows with the same predicted label (Wilson), ``largest_difference`` the largest
    difference of a probability, ``mcnemar_p`` the exact p-value that both are right equally often, ``delong_p`` (of two
    classes) that both have the same ROC-AUC, and ``NAME_drop`` the reference's measure minus ours. The interval of a
    drop is paired: Bonett and Price's for accuracy, otherwise the percentiles of a bootstrap that draws the same rows
    for both models.

    Args:
        ours: what :func:`judge` found for the model in question.
        reference: what it found for the one that it is held against.
        confidence: of every interval.
        seed: of the bootstrap.

    Raises:
        InputError: the two did not judge the same rows with the same labels.
    """
    first, second = Outcome.from_table(ours.rows), Outcome.from_table(reference.rows)
    _check_same_rows(first, second)
    n = first.n
    agreed = int((first.predictions == second.predictions).sum())
    apart = np.abs(first.probabilities - second.probabilities)
    only_reference, only_ours = int((second.right & ~first.right).sum()), int((first.right & ~second.right).sum())
    measures = {
        "agreement": proportion(agreed, n, confidence),
        "largest_difference": Measure(float(apart.max()) if n else None, n=n, confidence=confidence),
        "mcnemar_p": Measure(mcnemar_p(only_reference, only_ours) if n else None, n=n, confidence=confidence),
        **_class_drops(first, second, confidence, seed),
        **_score_drops(first, second, confidence, seed),
    }
    paired = matched_difference(only_reference, only_ours, n, confidence)
    for name in ("accuracy_drop", "f1_micro_drop"):
        measures[name] = Measure(measures[name].value, *paired, n=n, confidence=confidence)
    if len(first.labels) == 2 and n:
        p = delong_p(first.probabilities[:, 1], second.probabilities[:, 1], first.targets == 1)
        measures["delong_p"] = Measure(p, n=n, confidence=confidence)
    return Findings(measures)


def _each_class(classes: ClassCounts, confidence: float) -> dict[str, list[Measure]]:
    """Precision, recall and F1 of every class; ``n`` is the number of rows that the ratio is of."""
    found: dict[str, list[Measure]] = {"precision": [], "recall": [], "f1": []}
    for hits, support, called in zip(classes.hits, classes.support, classes.called, strict=True):
        errors = support + called - 2 * hits
        f1 = 2 * hits / (2 * hits + errors) if hits + errors else None
        interval = f1_interval(hits, errors, confidence)
        found["precision"].append(proportion(hits, called, confidence))
        found["recall"].append(proportion(hits, support, confidence))
        found["f1"].append(Measure(f1, *interval, n=int(hits + errors), confidence=confidence))
    return found


def _averages(
    outcome: Outcome, classes: ClassCounts, each: Mapping[str, list[Measure]], confidence: float, seed: int
) -> dict[str, Measure]:
    """Accuracy, the headline of the positive class, macro and micro averages.

    A macro average has the wider of the bootstrap's interval, which sees that the classes share their errors, and
    that of the mean of independent classes, which does not collapse where there is no error.
    """
    targets, predictions, counts, k = outcome.kinds
    measures = {}
    resampled = averages(count_classes(targets, predictions, resample_kinds(counts, outcome.n, seed=seed), k))
    for name, value in averages(classes).items():
        of_classes = each.get(name.removesuffix("_macro"))
        if of_classes is None:
            measures[name] = proportion(float(classes.hits.sum()), outcome.n, confidence)
        elif k == 2 and name in each:
            measures[name] = of_classes[-1]
        else:
            there = [measure for measure, is_there in zip(of_classes, classes.present, strict=True) if is_there]
            spread = mean_interval([item.value or 0.0 for item in there], [(item.low, item.high) for item in there])
            interval = widest(float(value), percentile_interval(resampled[name], confidence), spread)
            measures[name] = Measure(float(value), *interval, n=outcome.n, confidence=confidence)
    return measures


def _areas(outcome: Outcome, confidence: float) -> dict[str, Measure]:
    """ROC-AUC and average precision with intervals from the sizes of the classes.

    For average precision Boyd, Eng and Page (2013) found the binomial interval over the positives to hold its
    coverage where the bootstrap does not; it is taken in Wilson's form.
    """
    roc, precision = _class_areas(outcome, np.ones((1, outcome.n)))
    roc_ends, precision_ends = [], []
    judged = [(number, float(roc[index, 0]), float(precision[index, 0])) for index, number in enumerate(outcome.ranked)]
    judged = [item for item in judged if np.isfinite(item[1])]
    for number, area, average in judged:
        positives = int((outcome.targets == number).sum())
        roc_ends.append(roc_auc_interval(area, positives, outcome.n - positives, confidence))
        precision_ends.append(wilson(average * positives, positives, confidence))
    found = {
        "roc_auc": ([item[1] for item in judged], roc_ends),
        "pr_auc": ([item[2] for item in judged], precision_ends),
    }
    return {
        name: Measure(
            float(np.mean(values)) if values else None,
            *mean_interval(values, ends),
            n=outcome.n,
            confidence=confidence,
        )
        for name, (values, ends) in found.items()
    }


def _losses(outcome: Outcome, confidence: float, seed: int) -> dict[str, Measure]:
    """Log loss with percentiles, calibration error (biased upwards on few rows) with the mirrored interval."""
    if outcome.n == 0:
        return {name: Measure(None, n=0, confidence=confidence) for name in ("log_loss", "calibration_error")}

    def losses(weights: np.ndarray) -> dict[str, np.ndarray]:
        return _loss_values(outcome, weights)

    loss, error = (float(values[0]) for values in losses(np.ones((1, outcome.n))).values())
    resampled = resample_rows(outcome.n, losses, seed=seed)
    loss_ends, error_ends = UNKNOWN, UNKNOWN
    if outcome.n > 1:
        loss_ends = percentile_interval(resampled["log_loss"], confidence)
        low, high = basic_interval(error, resampled["calibration_error"], confidence)
        error_ends = max(0.0, low or 0.0), max(0.0, high or 0.0)
    return {
        "log_loss": Measure(loss, *loss_ends, n=outcome.n, unit="nat", confidence=confidence),
        "calibration_error": Measure(error, *error_ends, n=outcome.n, confidence=confidence),
    }


def _loss_values(outcome: Outcome, weights: np.ndarray) -> dict[str, np.ndarray]:
    given = outcome.probabilities[np.arange(outcome.n), outcome.targets]
    losses = -np.log(np.clip(given, np.finfo(np.float64).eps, 1.0))
    return {
        "log_loss": ratio(weights @ losses, weights.sum(axis=1)),
        "calibration_error": calibration_error(outcome.score, outcome.right, weights),
    }


def _class_areas(outcome: Outcome, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """ROC-AUC and average precision of each ranked class against the rest, both [classes, resamples]."""
    found = [
        areas(*cumulative_counts(outcome.probabilities[:, number], outcome.targets == number, weights))
        for number in outcome.ranked
    ]
    return np.array([roc for roc, _ in found]), np.array([precision for _, precision in found])


def _class_drops(ours: Outcome, reference: Outcome, confidence: float, seed: int) -> dict[str, Measure]:
    """Drops of what the confusion matrix holds; rows alike in truth and both answers are drawn together.

    As in Bonett and Price's interval, two imagined rows are among those that are drawn: one that only the
    reference has right, one that only ours has. Without them, models that agree on a few rows would be proven
    equal.
    """
    kinds, counts = np.unique(
        np.stack([ours.targets, ours.predictions, reference.predictions]), axis=1, return_counts=True
    )
    drops = {name: float(value) for name, value in _drops_of_kinds(kinds, counts, ours.labels).items()}
    imagined, weights = _imagined_rows(ours)
    kinds, weights = np.hstack([kinds, imagined]), np.concatenate([counts, weights])
    resampled = _drops_of_kinds(kinds, resample_kinds(weights, ours.n, seed=seed), ours.labels)
    return _without_points(drop_measures(drops, resampled, n=ours.n, confidence=confidence))


def _without_points(measures: Mapping[str, Measure]) -> dict[str, Measure]:
    """An interval that is a point comes of resamples that are all alike: it tells nothing, so it is unknown."""
    return {
        name: replace(measure, low=None, high=None) if measure.low == measure.high else measure
        for name, measure in measures.items()
    }


def _drops_of_kinds(kinds: np.ndarray, counts: np.ndarray, labels: Sequence[str]) -> dict[str, np.ndarray]:
    """Reference minus ours, of kinds of rows (target, our answer, the reference's) that occur ``counts`` times."""
    found: list[dict[str, np.ndarray]] = []
    for predictions in (kinds[1], kinds[2]):
        classes = count_classes(kinds[0], predictions, counts, len(labels))
        values = averages(classes)
        for name, each in (("precision", classes.precision), ("recall", classes.recall), ("f1", classes.f1)):
            values |= {f"{name}:{label}": each[..., number] for number, label in enumerate(labels)}
        found.append(values)
    return {name: value - found[0][name] for name, value in found[1].items()}


def _imagined_rows(outcome: Outcome) -> tuple[np.ndarray, np.ndarray]:
    """One row that only each of the models has right, spread over the classes by their size: kinds and weights.

    The wrong answer is the next class: of two it is the only one, of many it hardly matters which.
    """
    k = len(outcome.labels)
    of_class, support = np.unique(outcome.targets, return_counts=True)
    wrong = (of_class + 1) % k
    kinds = np.hstack([np.stack([of_class, wrong, of_class]), np.stack([of_class, of_class, wrong])])
    return kinds, np.tile(support / max(1, outcome.n), 2)


def _score_drops(ours: Outcome, reference: Outcome, confidence: float, seed: int) -> dict[str, Measure]:
    """Drops of what the probabilities decide; the rows are drawn."""

    def of_model(outcome: Outcome, weights: np.ndarray) -> dict[str, np.ndarray]:
        roc, precision = _class_areas(outcome, weights)
        found = {"roc_auc": defined_mean(roc), "pr_auc": defined_mean(precision)}
        return found | _loss_values(outcome, weights)

    def values(weights: np.ndarray) -> dict[str, np.ndarray]:
        first = of_model(ours, weights)
        return {name: value - first[name] for name, value in of_model(reference, weights).items()}

    affordable = RANKING_BUDGET // max(1, ours.n * len(ours.ranked))
    resampled = resample_rows(
        ours.n, values, seed=seed, resamples=int(np.clip(affordable, _FEWEST_RESAMPLES, RESAMPLES))
    )
    drops = {name: float(value[0]) for name, value in values(np.ones((1, ours.n))).items()}
    measures = drop_measures(drops, resampled, n=ours.n, confidence=confidence)
    # Two perfect rankings are equal in every resample, however few the rows; equal losses are equal probabilities.
    return measures | _without_points({name: measures[name] for name in ("roc_auc_drop", "pr_auc_drop")})


def _check_same_rows(ours: Outcome, reference: Outcome) -> None:
    if ours.labels != reference.labels:
        raise InputError(
            f"the two reports have other labels: {', '.join(ours.labels)} and {', '.join(reference.labels)}",
            expected="two models with the same labels in the same order",
        )
    if not np.array_equal(ours.rows, reference.rows) or not np.array_equal(ours.targets, reference.targets):
        shared = np.intersect1d(ours.rows, reference.rows).size
        raise InputError(
            f"the two reports judge other rows: {ours.n} and {reference.n}, {shared} of them shared",
            expected="two evaluations of the same split of the same dataset",
            fix="evaluate both models on the same split",
        )
