"""A decision tree: the few questions that split rows best.

Breiman, Friedman, Olshen and Stone, "Classification and regression trees", 1984. The split is that which lowers the
squared error of the targets most; of classes in one place each, that is Gini's impurity. Grown to a depth, not pruned
back: it is meant to be read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

Path = tuple[tuple[int, bool, float], ...]
"""Feature, whether its value is above the threshold, and the threshold, of each question on the way to a leaf."""


@dataclass(frozen=True)
class Node:
    """A question, or a leaf.

    Attributes:
        rows: of those it was grown on.
        value: their mean target, float64 [targets].
        feature: that is asked; -1 in a leaf.
        threshold: rows up to it go to ``below``.
        gain: by how much the squared error falls.
    """

    rows: int
    value: np.ndarray
    feature: int = -1
    threshold: float = 0.0
    gain: float = 0.0
    below: Node | None = None
    above: Node | None = None

    def predict(self, inputs: np.ndarray) -> np.ndarray:
        """float64 [n, targets] for rows [n, features]."""
        if self.below is None or self.above is None:
            return np.tile(self.value, (len(inputs), 1))
        low = inputs[:, self.feature] <= self.threshold
        found = np.empty((len(inputs), len(self.value)))
        found[low], found[~low] = self.below.predict(inputs[low]), self.above.predict(inputs[~low])
        return found

    def walk(self) -> Iterator[Node]:
        """This node and all below it."""
        yield self
        for child in (self.below, self.above):
            if child is not None:
                yield from child.walk()

    def leaves(self, path: Path = ()) -> Iterator[tuple[Path, Node]]:
        """Each leaf with the answers that lead to it: feature, whether above the threshold, threshold."""
        if self.below is None or self.above is None:
            yield path, self
        else:
            yield from self.below.leaves((*path, (self.feature, False, self.threshold)))
            yield from self.above.leaves((*path, (self.feature, True, self.threshold)))


def fit(inputs: np.ndarray, targets: np.ndarray, *, depth: int, smallest: int) -> Node:
    """Grow a tree.

    Args:
        inputs: float64 [n, features].
        targets: float64 [n, targets].
        depth: most questions to a leaf.
        smallest: fewest rows of a leaf.
    """
    node = Node(len(inputs), targets.mean(axis=0))
    best = _best_split(inputs, targets, smallest) if depth and len(inputs) >= 2 * smallest else None
    if best is None:
        return node
    feature, threshold, gain = best
    low = inputs[:, feature] <= threshold
    below, above = (fit(inputs[part], targets[part], depth=depth - 1, smallest=smallest) for part in (low, ~low))
    return Node(node.rows, node.value, feature, threshold, gain, below, above)


def _best_split(inputs: np.ndarray, targets: np.ndarray, smallest: int) -> tuple[int, float, float] | None:
    """Feature, threshold and gain; None where no split gains anything."""
    centred = targets - targets.mean(axis=0)
    error, best = float((centred**2).sum()), None
    most = 1e-9 * max(error, 1e-12)
    for feature in range(inputs.shape[1]):
        order = np.argsort(inputs[:, feature], kind="stable")
        values, sums = inputs[order, feature], centred[order].cumsum(axis=0)
        counts = np.arange(1, len(values))
        # Of centred targets both sides' sums are opposite: what a split explains is their squares over the counts.
        gains = (sums[:-1] ** 2).sum(axis=1) * (1 / counts + 1 / (len(values) - counts))
        gains[(values[1:] == values[:-1]) | (counts < smallest) | (len(values) - counts < smallest)] = -1.0
        place = int(gains.argmax()) if len(gains) else 0
        if len(gains) and gains[place] > most:
            most = float(gains[place])
            best = feature, float((values[place] + values[place + 1]) / 2), most
    return best


def importances(tree: Node, features: int) -> np.ndarray:
    """Share of each feature in all that the splits gain, float64 [features]."""
    found = np.zeros(features)
    for node in tree.walk():
        if node.feature >= 0:
            found[node.feature] += node.gain
    return found / (found.sum() or 1.0)
