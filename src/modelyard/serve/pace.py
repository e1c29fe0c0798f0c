"""How fast answers grow: what Prometheus is told of each token of one version of a model."""

from __future__ import annotations

from dataclasses import dataclass

from prometheus_client import Counter, Histogram

from modelyard.core.task import Piece


@dataclass(frozen=True)
class Pace:
    """The instruments of one version.

    Attributes:
        first: seconds until the first token of an answer.
        between: seconds from one token to the next.
        read: tokens of prompts.
        written: tokens of answers.
    """

    first: Histogram
    between: Histogram
    read: Counter
    written: Counter

    def saw(self, piece: Piece, known: int | None, seconds: float) -> int:
        """A piece came.

        Args:
            known: tokens of the answer that were counted before; None for the first piece.
            seconds: since the piece before it, or since it was asked for.

        Returns:
            tokens that are counted now.
        """
        if known is None:
            self.first.observe(seconds)
            self.read.inc(piece.prompt_tokens)
        else:
            self.between.observe(seconds)
        before = known or 0
        # An answer that is written anew after a worker was lost counts once.
        self.written.inc(max(0, piece.completion_tokens - before))
        return max(before, piece.completion_tokens)
