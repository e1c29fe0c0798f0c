"""Scores of generated answers against reference answers, with intervals from a bootstrap over the rows.

Exact match, F1 of the words, ROUGE-1, 2 and L (from 0 to 1), BLEU and chrF (from 0 to 100, as they are published).
Knows texts, no model.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from modelyard.core.report import Figure, Findings, Measure, Series, Table
from modelyard.methods import bleu, chrf, rouge
from modelyard.methods.bootstrap import percentile_interval, resample_rows, widest
from modelyard.methods.proportions import proportion
from modelyard.methods.scripts import WITHOUT_BLANKS

MEASURES = ("exact_match", "bleu", "chrf", "rouge1", "rouge2", "rougeL")
_SHOWN = 20
_WITHOUT_BLANKS = 0.3
"""Share of Chinese, Japanese and Korean signs above which references are counted by signs."""


def judge(
    rows: np.ndarray,
    prompts: Sequence[str],
    answers: Sequence[str],
    references: Sequence[str],
    *,
    confidence: float,
    seed: int,
) -> Findings:
    """Score n answers, n at least 1.

    ``exact_match`` is the share of answers that equal their reference but for blanks at the ends (Wilson). BLEU and
    chrF are those of the corpus, ROUGE means over the rows.

    Args:
        rows: row numbers in the source, int64 [n].
        prompts: what was asked.
        answers: what the model said.
        references: what it was to say.
        confidence: of every interval.
        seed: of the bootstrap.
    """
    n = len(answers)
    pairs = list(zip(answers, references, strict=True))
    cut = bleu.signs if _without_blanks(references) else bleu.words
    blocks = {
        "bleu": np.stack([bleu.count(cut(answer), cut(reference)) for answer, reference in pairs]),
        "chrf": np.stack([chrf.count(answer, reference) for answer, reference in pairs]),
    }
    means = _rouge(pairs)

    def scores(weights: np.ndarray) -> dict[str, np.ndarray]:
        found = {"bleu": bleu.score(weights @ blocks["bleu"]), "chrf": chrf.score(weights @ blocks["chrf"])}
        return found | {name: weights @ each / weights.sum(axis=1) for name, each in means.items()}

    values = {name: float(value[0]) for name, value in scores(np.ones((1, n))).items()}
    resampled = resample_rows(n, scores, seed=seed)
    exact = np.array([answer.strip() == reference.strip() for answer, reference in pairs])
    measures = {"exact_match": proportion(int(exact.sum()), n, confidence)}
    for name, value in values.items():
        interval = widest(value, percentile_interval(resampled[name], confidence))
        measures[name] = Measure(value, *interval, n=n, confidence=confidence)
    how = "signs" if cut is bleu.signs else "words (13a)"
    note = f"BLEU counts {how}. Intervals are those of a bootstrap over {n} rows; exact match has Wilson's."
    worst = np.argsort(means["rougeL"], kind="stable")[:_SHOWN]
    shown: list[list[str | float | int | None]] = [
        [int(rows[place]), prompts[place], answers[place], references[place], float(means["rougeL"][place])]
        for place in worst
    ]
    table = Table("Answers farthest from their references", ["row", "prompt", "answer", "reference", "ROUGE-L"], shown)
    return Findings(measures, [table], [_histogram(means["rougeL"])], [note], _table(rows, answers, references, exact))


def _rouge(pairs: Sequence[tuple[str, str]]) -> dict[str, np.ndarray]:
    cut = [(rouge.tokens(answer), rouge.tokens(reference)) for answer, reference in pairs]
    return {
        "rouge1": np.array([rouge.sequences(*pair, 1) for pair in cut]),
        "rouge2": np.array([rouge.sequences(*pair, 2) for pair in cut]),
        "rougeL": np.array([rouge.longest(*pair) for pair in cut]),
    }


def _without_blanks(texts: Sequence[str]) -> bool:
    signs = [sign for text in texts for sign in text if not sign.isspace()]
    wide = len(re.findall(f"[{WITHOUT_BLANKS}]", "".join(signs)))
    return wide > _WITHOUT_BLANKS * max(1, len(signs))


def _histogram(values: np.ndarray) -> Figure:
    counts, edges = np.histogram(values, bins=10, range=(0, 1))
    names = [f"{low:.1f}" for low in edges[:-1]]
    return Figure(
        "ROUGE-L of the answers", "bar", "from", "answers", [Series("model", names, counts.astype(float).tolist())]
    )


def _table(rows: np.ndarray, answers: Sequence[str], references: Sequence[str], exact: np.ndarray) -> object:
    import pyarrow as pa

    columns = {"row": pa.array(rows, pa.int64()), "answer": pa.array(answers), "reference": pa.array(references)}
    return pa.table({**columns, "exact": pa.array(exact)})
