"""Precision and recall of what was found in texts against what is there. Knows spans, not texts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from modelyard.core.report import Measure
from modelyard.methods.proportions import proportion

Span = tuple[str, int, int]
"""Kind, start, end."""


@dataclass(frozen=True)
class SpanScore:
    """Shares with Wilson's intervals; None where there is nothing to divide by."""

    precision: Measure
    recall: Measure


def score(pairs: Iterable[tuple[Iterable[Span], Iterable[Span]]], confidence: float = 0.95) -> Mapping[str, SpanScore]:
    """Kind → its score. A hit has the right kind, start and end; there is no half a hit.

    Args:
        pairs: of each text what was found and what is there.
    """
    hits: dict[str, int] = {}
    found: dict[str, int] = {}
    there: dict[str, int] = {}
    for guesses, truth in pairs:
        first, second = set(guesses), set(truth)
        for counter, spans in ((hits, first & second), (found, first), (there, second)):
            for kind, *_ in spans:
                counter[kind] = counter.get(kind, 0) + 1
    return {
        kind: SpanScore(
            proportion(hits.get(kind, 0), found.get(kind, 0), confidence),
            proportion(hits.get(kind, 0), there.get(kind, 0), confidence),
        )
        for kind in sorted({*found, *there})
    }
