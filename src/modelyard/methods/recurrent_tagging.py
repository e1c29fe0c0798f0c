"""Labels of the characters of a text by two layers of gated recurrent units in both directions and a linear chain.

Jiao, Sun and Sun, "Chinese Lexical Analysis with Deep Bi-GRU-CRF Network", 2018. Arrays in, arrays out; knows no file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

Array = np.ndarray


@dataclass(frozen=True)
class Unit:
    """Gated recurrent units that read one direction (Cho et al. 2014).

    Attributes:
        inputs: weights of what is read, [width of what is read, 3·hidden]: update gate, reset gate, candidate.
        bias: [3·hidden].
        gates: weights of the state before, [hidden, 2·hidden]: update gate, reset gate.
        candidate: weights of the state before, as the reset gate leaves it, [hidden, hidden].
    """

    inputs: Array
    bias: Array
    gates: Array
    candidate: Array

    def run(self, values: Array, there: Array) -> Array:
        """States after each place, float32 [n, length, hidden]: (1 - update)·before + update·candidate.

        Args:
            values: what is read, [n, length, width].
            there: bool [n, length]; where nothing is, the state stays as it was.
        """
        hidden = self.candidate.shape[0]
        read = values @ self.inputs + self.bias
        state = np.zeros((len(values), hidden), np.float32)
        states = np.empty((*values.shape[:2], hidden), np.float32)
        for place in range(values.shape[1]):
            now = read[:, place]
            gates = _sigmoid(now[:, : 2 * hidden] + state @ self.gates)
            update, reset = gates[:, :hidden], gates[:, hidden:]
            candidate = np.tanh(now[:, 2 * hidden :] + (reset * state) @ self.candidate)
            made = state + update * (candidate - state)
            states[:, place] = state = np.where(there[:, place, None], made, state)
        return states


@dataclass(frozen=True)
class Tagger:
    """
    Attributes:
        embedding: [characters, width].
        layers: a unit that reads forwards and one that reads backwards, for each layer.
        weights: of the labels, [2·hidden, labels].
        bias: [labels].
        transitions: [labels + 2, labels]: scores of the first label, of the last one, and of each label (row) before
            another (column).
    """

    embedding: Array
    layers: Sequence[tuple[Unit, Unit]]
    weights: Array
    bias: Array
    transitions: Array

    def label(self, texts: Sequence[Sequence[int]]) -> list[list[int]]:
        """The likeliest labels of the characters of each text (Viterbi).

        Args:
            texts: numbers of characters.
        """
        length = max(map(len, texts), default=0)
        there = np.arange(length) < np.array([len(text) for text in texts], np.int64)[:, None]
        numbers = np.zeros(there.shape, np.int64)
        numbers[there] = [number for text in texts for number in text]
        values = self.embedding[numbers]
        for forwards, backwards in self.layers:
            # Backwards, what is filled up is read first and leaves the state at zero.
            turned = backwards.run(values[:, ::-1], there[:, ::-1])[:, ::-1]
            values = np.concatenate([forwards.run(values, there), turned], axis=2)
        return _likeliest(values @ self.weights + self.bias, there, self.transitions)


def _likeliest(scores: Array, there: Array, transitions: Array) -> list[list[int]]:
    """Labels of the path with the highest sum, for each text; scores [n, length, labels]."""
    first, last, between = transitions[0], transitions[1], transitions[2:]
    if not scores.shape[1]:
        return [[] for _ in scores]
    best = scores[:, 0] + first
    came = np.zeros(scores.shape, np.int64)
    for place in range(1, scores.shape[1]):
        ways = best[:, :, None] + between
        came[:, place] = ways.argmax(1)
        best = np.where(there[:, place, None], ways.max(1) + scores[:, place], best)
    ends = (best + last).argmax(1)
    paths = []
    for row, end in enumerate(ends):
        path = [int(end)]
        for place in range(int(there[row].sum()) - 1, 0, -1):
            path.append(int(came[row, place, path[-1]]))
        paths.append(path[::-1] if there[row].any() else [])
    return paths


def _sigmoid(values: Array) -> Array:
    # Of tanh: exp of a large number would overflow.
    return np.float32(0.5) * (np.tanh(np.float32(0.5) * values) + np.float32(1))


def assemble(tensors: Mapping[str, Array]) -> Tagger:
    """The tagger of tensors by their names in PaddlePaddle: ``word_emb``, ``fc_0.w_0`` …, ``gru_0.w_0`` …, ``crfw``.

    A unit's weights of the state are one tensor [hidden, 3·hidden] whose memory holds those of the gates, then those of
    the candidate.
    """
    units = []
    for number in range(4):
        states = tensors[f"gru_{number}.w_0"]
        hidden = states.shape[0]
        gates, candidate = np.split(states.ravel(), [2 * hidden * hidden])
        bias = tensors[f"fc_{number}.b_0"] + tensors[f"gru_{number}.b_0"].ravel()
        units.append(
            Unit(
                tensors[f"fc_{number}.w_0"],
                bias,
                gates.reshape(hidden, 2 * hidden),
                candidate.reshape(hidden, hidden),
            )
        )
    layers = ((units[0], units[1]), (units[2], units[3]))
    return Tagger(tensors["word_emb"], layers, tensors["fc_4.w_0"], tensors["fc_4.b_0"], tensors["crfw"])
