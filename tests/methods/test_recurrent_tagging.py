"""The tagger against its equations, written out for one character and one label at a time."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from modelyard.methods.recurrent_tagging import Tagger, Unit, assemble

HIDDEN, WIDTH, LABELS = 3, 2, 3


@pytest.fixture
def tagger() -> Tagger:
    random = np.random.default_rng(0)

    def draw(*shape: int) -> np.ndarray:
        return random.normal(size=shape).astype(np.float32)

    def unit(width: int) -> Unit:
        return Unit(draw(width, 3 * HIDDEN), draw(3 * HIDDEN), draw(HIDDEN, 2 * HIDDEN), draw(HIDDEN, HIDDEN))

    layers = [(unit(WIDTH), unit(WIDTH)), (unit(2 * HIDDEN), unit(2 * HIDDEN))]
    return Tagger(draw(5, WIDTH), layers, draw(2 * HIDDEN, LABELS), draw(LABELS), draw(LABELS + 2, LABELS))


def states(unit: Unit, values: list[np.ndarray]) -> list[np.ndarray]:
    """Cho et al. 2014, equations 5 to 8, with the gate turned round as PaddlePaddle has it."""
    state, made = [0.0] * HIDDEN, []
    for value in values:
        read = [float(value @ unit.inputs[:, column] + unit.bias[column]) for column in range(3 * HIDDEN)]

        def gate(column: int, read: list[float] = read, state: list[float] = state) -> float:
            total = read[column] + sum(state[row] * float(unit.gates[row, column]) for row in range(HIDDEN))
            return 1 / (1 + math.exp(-total))

        after = []
        for column in range(HIDDEN):
            update = gate(column)
            carried = sum(gate(HIDDEN + row) * state[row] * float(unit.candidate[row, column]) for row in range(HIDDEN))
            after.append((1 - update) * state[column] + update * math.tanh(read[2 * HIDDEN + column] + carried))
        state = after
        made.append(np.array(state))
    return made


def best_path(tagger: Tagger, text: list[int]) -> list[int]:
    values = [tagger.embedding[number] for number in text]
    for forwards, backwards in tagger.layers:
        turned = states(backwards, values[::-1])[::-1]
        values = [np.concatenate(pair) for pair in zip(states(forwards, values), turned, strict=True)]
    scores = [value @ tagger.weights + tagger.bias for value in values]
    first, last, between = tagger.transitions[0], tagger.transitions[1], tagger.transitions[2:]

    def total(path: tuple[int, ...]) -> float:
        inner = sum(scores[place][label] for place, label in enumerate(path))
        return float(first[path[0]] + last[path[-1]] + inner + sum(between[pair] for pair in itertools.pairwise(path)))

    best = max(itertools.product(range(LABELS), repeat=len(text)), key=total)
    return list(best)


def test_labels_are_those_of_the_best_of_all_paths(tagger: Tagger) -> None:
    texts = [[0, 1, 2, 3, 4, 0], [2], [4, 4, 1], [1, 0]]
    assert tagger.label(texts) == [best_path(tagger, text) for text in texts]


def test_company_changes_nothing(tagger: Tagger) -> None:
    texts = [[3, 1, 4, 1], [], [2, 2, 0, 1, 3, 4, 4, 0, 1], [0]]
    assert tagger.label(texts) == [tagger.label([text])[0] for text in texts]
    assert tagger.label([[]]) == [[]]
    assert tagger.label([]) == []


def test_tensors_are_put_in_their_places(tagger: Tagger) -> None:
    """Weights of a state lie in memory as those of the gates, then those of the candidate."""
    units = [unit for layer in tagger.layers for unit in layer]
    tensors = {
        "word_emb": tagger.embedding,
        "fc_4.w_0": tagger.weights,
        "fc_4.b_0": tagger.bias,
        "crfw": tagger.transitions,
    }
    for number, unit in enumerate(units):
        lying = np.concatenate([unit.gates.ravel(), unit.candidate.ravel()]).reshape(HIDDEN, 3 * HIDDEN)
        tensors |= {f"fc_{number}.w_0": unit.inputs, f"fc_{number}.b_0": unit.bias - 1, f"gru_{number}.w_0": lying}
        tensors[f"gru_{number}.b_0"] = np.ones((1, 3 * HIDDEN), np.float32)
    text = [[0, 1, 2, 3, 4]]
    assert assemble(tensors).label(text) == tagger.label(text)
