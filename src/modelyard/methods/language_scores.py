"""Scores of a language model from the probability that it gave to every token of known texts.

Perplexity, bits per byte and the share of tokens that it would have said itself, with intervals from a bootstrap
over documents, and the paired comparison of two models. Knows log probabilities and token numbers, no texts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from modelyard.core.errors import InputError, ModelyardError
from modelyard.core.report import Figure, Findings, Measure, Series, Table
from modelyard.methods.bootstrap import drop_measures, percentile_interval, resample_rows, widest
from modelyard.methods.intervals import UNKNOWN, Interval, matched_difference, wilson
from modelyard.methods.proportions import proportion

if TYPE_CHECKING:
    import pyarrow as pa

FEWEST_DOCUMENTS = 10
"""With fewer, drawing documents says next to nothing; blocks of tokens are drawn instead."""

_UNITS = {"perplexity": "", "bits_per_byte": "bit", "token_accuracy": ""}
_HISTOGRAM_BINS = 20
_DOCUMENTS_SHOWN = 50


def judge(
    rows: np.ndarray,
    logprobs: Sequence[np.ndarray],
    best: Sequence[np.ndarray],
    tokens: Sequence[np.ndarray],
    bytes: np.ndarray,
    *,
    confidence: float,
    seed: int,
) -> Findings:
    """Score the tokens of d documents.

    ``perplexity`` is exp of the mean negative log probability of a token, ``bits_per_byte`` the sum of negative
    log2 probabilities over the bytes of the texts (it compares models with other tokenizers), and
    ``token_accuracy`` the share of tokens that were the most likely ones. The intervals come from a bootstrap
    over documents; with fewer than ten, over blocks of tokens, and a note says so.

    Args:
        rows: row numbers in the source, int64 [d].
        logprobs: of each document, the natural logarithm of the probability of each scored token, [t] each.
        best: the most likely token at each of these places, int [t] each.
        tokens: the token that stands there, int [t] each.
        bytes: length in UTF-8 bytes of the text that the scored tokens spell, int [d].
        confidence: of every interval.
        seed: of the bootstrap.

    Raises:
        ModelyardError: the model gave a probability that is not a number.
    """
    documents = _Documents.of(rows, logprobs, best, tokens, bytes)
    if np.isnan(documents.flat("logprobs")).any():
        raise ModelyardError(
            "the model gave a token a probability that is not a number",
            fix="run it in float32, or convert the model again",
        )
    units, note = documents.units()
    n = documents.tokens_scored
    values = {name: float(value[0]) for name, value in _scores(units, np.ones((1, len(units)))).items()}
    resampled = resample_rows(len(units), lambda weights: _scores(units, weights), seed=seed)
    measures = {}
    for name, value in values.items():
        known = len(units) > 1 and np.isfinite(value)
        interval = percentile_interval(resampled[name], confidence) if known else UNKNOWN
        measures[name] = Measure(value, *interval, n=n, unit=_UNITS[name], confidence=confidence)
    exact = wilson(documents.hits.sum(), n, confidence)
    measures["token_accuracy"] = _widened(measures["token_accuracy"], exact)
    figures = [_histogram(documents)] if n else []
    return Findings(measures, [_document_table(documents)], figures, [note], documents.table())


def compare(ours: Findings, reference: Findings, *, confidence: float, seed: int) -> Findings:
    """Two evaluations of the same tokens: agreement, largest difference, and how far each measure dropped.

    ``agreement`` is the share of places where both find the same token most likely (Wilson, taking places as
    independent), ``largest_difference`` the largest difference of a log probability, ``NAME_drop`` the
    reference's measure minus ours with a paired bootstrap over the same units as :func:`judge`.

    Raises:
        InputError: the two did not score the same tokens of the same rows.
    """
    first, second = _Documents.from_table(ours.rows), _Documents.from_table(reference.rows)
    _check_same_tokens(first, second)
    n = first.tokens_scored
    agreed = int((first.flat("best") == second.flat("best")).sum())
    with np.errstate(invalid="ignore"):
        apart = np.abs(first.flat("logprobs") - second.flat("logprobs"))
    of_ours, note = first.units()
    of_reference, _ = second.units()

    def drops(weights: np.ndarray) -> dict[str, np.ndarray]:
        ours_scored = _scores(of_ours, weights)
        return {name: value - ours_scored[name] for name, value in _scores(of_reference, weights).items()}

    values = {name: float(value[0]) for name, value in drops(np.ones((1, len(of_ours)))).items()}
    resampled = resample_rows(len(of_ours), drops, seed=seed)
    measures = {
        "agreement": proportion(agreed, n, confidence),
        "largest_difference": Measure(float(apart.max()) if n else None, n=n, unit="nat", confidence=confidence),
        **drop_measures(values, resampled, n=n, confidence=confidence),
    }
    only_reference, only_ours = int((second.hits & ~first.hits).sum()), int((first.hits & ~second.hits).sum())
    exact = matched_difference(only_reference, only_ours, n, confidence)
    measures["token_accuracy_drop"] = _widened(measures["token_accuracy_drop"], exact)
    return Findings(measures, notes=[note])


def _widened(measure: Measure, exact: Interval) -> Measure:
    """With the interval of independent tokens too: it keeps a width where no token, or every one, was a hit."""
    if measure.value is None:
        return measure
    low, high = widest(measure.value, (measure.low, measure.high), exact)
    return replace(measure, low=low, high=high)


@dataclass(frozen=True)
class _Documents:
    """The scored tokens, document by document; the sequences are those that :func:`judge` takes."""

    rows: np.ndarray
    logprobs: Sequence[np.ndarray]
    best: Sequence[np.ndarray]
    tokens: Sequence[np.ndarray]
    bytes: np.ndarray

    @staticmethod
    def of(
        rows: np.ndarray,
        logprobs: Sequence[np.ndarray],
        best: Sequence[np.ndarray],
        tokens: Sequence[np.ndarray],
        bytes: np.ndarray,
    ) -> _Documents:
        return _Documents(
            np.asarray(rows, dtype=np.int64),
            [np.asarray(item, dtype=np.float64) for item in logprobs],
            [np.asarray(item, dtype=np.int64) for item in best],
            [np.asarray(item, dtype=np.int64) for item in tokens],
            np.asarray(bytes, dtype=np.int64),
        )

    @property
    def tokens_scored(self) -> int:
        return sum(len(item) for item in self.tokens)

    @property
    def hits(self) -> np.ndarray:
        """Whether each token was the most likely one, bool [tokens scored]."""
        return np.asarray(self.flat("best") == self.flat("tokens"))

    def flat(self, name: str) -> np.ndarray:
        """One field of all documents in one array [tokens scored]."""
        parts: Sequence[np.ndarray] = getattr(self, name)
        return np.concatenate(parts) if parts else np.zeros(0)

    def units(self) -> tuple[np.ndarray, str]:
        """What the bootstrap draws, and in words: sums of (log probability, tokens, bytes, hits) [units, 4].

        Tokens of a document depend on each other, so they are drawn together: as documents, or as blocks of
        about the square root of their number (Carlstein 1986).
        """
        whole = len(self.rows) >= FEWEST_DOCUMENTS
        length = max(1, math.isqrt(self.tokens_scored))
        sums = []
        for logprobs, best, tokens, size in zip(self.logprobs, self.best, self.tokens, self.bytes, strict=True):
            n = len(tokens)
            step = max(1, n) if whole else length
            for start in range(0, n, step):
                part = slice(start, start + step)
                share = len(tokens[part])
                sums.append((logprobs[part].sum(), share, size * share / n, (best[part] == tokens[part]).sum()))
        note = (
            f"Intervals come from a bootstrap over {len(sums)} documents."
            if whole
            else f"Too few documents to draw them: intervals come from a bootstrap over {len(sums)} blocks of "
            f"{length} tokens and speak of these documents only."
        )
        return np.array(sums, dtype=np.float64).reshape(-1, 4), note

    def table(self) -> pa.Table:
        """``row``, ``logprobs``, ``best``, ``tokens`` and ``bytes``."""
        import pyarrow as pa

        return pa.table(
            {
                "row": pa.array(self.rows, pa.int64()),
                "logprobs": pa.array(list(self.logprobs), pa.list_(pa.float64())),
                "best": pa.array(list(self.best), pa.list_(pa.int64())),
                "tokens": pa.array(list(self.tokens), pa.list_(pa.int64())),
                "bytes": pa.array(self.bytes, pa.int64()),
            }
        )

    @staticmethod
    def from_table(table: pa.Table | None) -> _Documents:
        if table is None or "logprobs" not in table.column_names:
            raise InputError(
                "the report holds no scored tokens", expected="the report of an evaluation of a language model"
            )
        table = table.sort_by("row")
        columns = {name: table.column(name).to_pylist() for name in table.column_names}
        return _Documents.of(
            np.array(columns["row"]),
            columns["logprobs"],
            columns["best"],
            columns["tokens"],
            np.array(columns["bytes"]),
        )


def _scores(units: np.ndarray, weights: np.ndarray) -> dict[str, np.ndarray]:
    """The three measures of weighted units (:meth:`_Documents.units`), each [resamples]."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        logprob, tokens, size, hits = (weights @ units).T
        return {
            "perplexity": np.exp(-logprob / tokens),
            "bits_per_byte": -logprob / (math.log(2) * size),
            "token_accuracy": hits / tokens,
        }


def _document_table(documents: _Documents) -> Table:
    """The documents that surprised the model most; all of them are in the table of rows."""
    rows: list[list[str | float | int | None]] = []
    for row, logprobs, best, tokens, size in zip(
        documents.rows, documents.logprobs, documents.best, documents.tokens, documents.bytes, strict=True
    ):
        n = len(tokens)
        scored = _scores(np.array([[logprobs.sum(), n, size, (best == tokens).sum()]]), np.ones((1, 1)))
        finite = [float(value[0]) if np.isfinite(value[0]) else None for value in scored.values()]
        rows.append([int(row), n, *finite])
    hardest = sorted(rows, key=lambda cells: -float(cells[2] or 0.0))[:_DOCUMENTS_SHOWN]
    title = "Per document" if len(hardest) == len(rows) else f"The {_DOCUMENTS_SHOWN} documents of highest perplexity"
    return Table(title, ["row", "tokens", "perplexity", "bits per byte", "token accuracy"], hardest)


def _histogram(documents: _Documents) -> Figure:
    bits = -documents.flat("logprobs") / math.log(2)
    counts, edges = np.histogram(bits[np.isfinite(bits)], bins=_HISTOGRAM_BINS)
    return Figure(
        title="Surprise of the tokens",
        kind="line",
        x_label="bits",
        y_label="tokens",
        series=[Series("model", ((edges[:-1] + edges[1:]) / 2).tolist(), counts.astype(float).tolist())],
    )


def _check_same_tokens(ours: _Documents, reference: _Documents) -> None:
    if not np.array_equal(ours.rows, reference.rows):
        raise InputError(
            f"the two reports judge other rows: {len(ours.rows)} and {len(reference.rows)}",
            expected="two evaluations of the same split of the same dataset",
            fix="evaluate both models on the same split",
        )
    if not all(np.array_equal(*pair) for pair in zip(ours.tokens, reference.tokens, strict=True)):
        raise InputError(
            "the two models cut the texts into other tokens",
            expected="two models with the same tokenizer",
            fix="compare bits_per_byte of the two reports instead",
        )
