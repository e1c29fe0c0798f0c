"""Owen values over a hierarchy of neighbouring parts: Shapley values of coalitions that only come and go together.

Owen, "Values of games with a priori unions", 1977. Lundberg's library calls it Partition SHAP. A cluster of parts is
worth what it adds; its two halves share that as two players do, each alone and each after the other, and so on down
to single parts. Parts of one cluster are never asked about beside half of another, so that few answers are needed
(at most 3 n² / 4 for n parts), and the sets look like rows: runs of words, whole regions of an image.

Where the samples do not reach down to single parts, the clusters that change the answer most are halved first, and
what a cluster is worth that was not halved is shared among its parts alike. The values add up whenever it stops.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np

from modelyard.core.task import Units
from modelyard.methods.coalitions import Value, ends
from modelyard.methods.kernel_shap import check_sum

AT_ONCE, NEARLY = 32, 0.1
"""Clusters that are halved between two questions, two sets each, at most; all are worth this share of the largest."""


@dataclass(frozen=True)
class Cluster:
    """Parts that stay together, int64, and their two halves; none of a single part."""

    parts: np.ndarray
    halves: tuple[Cluster, ...] = ()


@dataclass(frozen=True)
class _Share:
    """What a cluster adds to a context, and how much that counts.

    Attributes:
        there: the context, bool [units]; the cluster is not in it.
        before: the answer to the context.
        after: the answer to the context with the cluster.
    """

    cluster: Cluster
    there: np.ndarray
    before: float
    after: float
    weight: float

    @property
    def halves(self) -> tuple[Cluster, ...]:
        return self.cluster.halves

    @property
    def worth(self) -> float:
        return self.weight * (self.after - self.before)

    def with_half(self, number: int) -> np.ndarray:
        there = self.there.copy()
        there[self.halves[number].parts] = True
        return there

    def halved(self, alone: tuple[float, float]) -> list[_Share]:
        """Each half first, and each after the other.

        Args:
            alone: the answers to the context with the first half, and with the second.
        """
        found = []
        for number, half in enumerate(self.halves):
            found += [
                _Share(half, self.there, self.before, alone[number], self.weight / 2),
                _Share(half, self.with_half(1 - number), alone[1 - number], self.after, self.weight / 2),
            ]
        return found


def explain(value: Value, hierarchy: Cluster, *, samples: int) -> np.ndarray:
    """The value of each part, float64 [units].

    Args:
        samples: sets that may be asked for.

    Raises:
        ModelyardError: the values do not add up.
    """
    units = len(hierarchy.parts)
    base, whole = ends(value, units)
    found, asked = np.zeros(units), 2
    # The largest worth first; equal ones in the order in which they came.
    pending: list[tuple[float, int, _Share]] = []
    number = 0
    shares = [_Share(hierarchy, np.zeros(units, dtype=bool), base, whole, 1.0)]
    while True:
        for share in shares:
            if not share.halves:
                found[share.cluster.parts] += share.worth
            else:
                heapq.heappush(pending, (-abs(share.worth), number, share))
                number += 1
        chosen = _largest(pending, min(AT_ONCE, (samples - asked) // 2))
        if not chosen:
            break
        answers = value(np.array([share.with_half(half) for share in chosen for half in (0, 1)]))
        asked += 2 * len(chosen)
        pairs = answers.reshape(-1, 2).tolist()
        shares = [
            part for share, (one, other) in zip(chosen, pairs, strict=True) for part in share.halved((one, other))
        ]
    for _, _, share in pending:
        found[share.cluster.parts] += share.worth / len(share.cluster.parts)
    check_sum(found, base, whole)
    return found


def _largest(pending: list[tuple[float, int, _Share]], most: int) -> list[_Share]:
    """Take out what is worth most, and what is worth nearly as much."""
    chosen: list[_Share] = []
    least = NEARLY * -pending[0][0] if pending else 0.0
    while pending and len(chosen) < most and -pending[0][0] >= least:
        chosen.append(heapq.heappop(pending)[2])
    return chosen


def neighbours(units: Units) -> Cluster:
    """The hierarchy of a row's parts: halves of a text or of the columns, and of the longer side of an image."""
    if units.kind == "patch":
        rows = len({place[0] for place in units.places})
        return halve(np.arange(len(units)).reshape(rows, -1))
    return halve(np.arange(len(units))[None])


def halve(parts: np.ndarray) -> Cluster:
    """Halves and halves of these of a grid of parts [rows, columns], along the longer side."""
    if parts.size == 1:
        return Cluster(parts.ravel())
    axis = int(parts.shape[1] >= parts.shape[0])
    one, other = np.array_split(parts, 2, axis=axis)
    return Cluster(parts.ravel(), (halve(one), halve(other)))
