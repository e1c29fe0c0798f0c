"""What a model is trained on to withstand an attack: texts edited as an attacker would, or a loss at moved values.

Knows tasks by their abilities, and no step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from modelyard.core import lookup
from modelyard.core.dataset import TRAINING, Dataset
from modelyard.core.model import Model
from modelyard.core.predictor import Predictor, apply_transforms
from modelyard.core.task import ContinuousTask
from modelyard.core.transform import Row
from modelyard.engines.attacking import gradients, texts
from modelyard.engines.attacking.texts import Attack, Texts
from modelyard.engines.training import Examples, learned_transforms
from modelyard.engines.training.examples import counted_places, read_weights
from modelyard.methods import text_variation
from modelyard.methods.text_edits import Kind

Loss = Callable[[Any, Any, Any], Any]


@dataclass(frozen=True)
class Recipe:
    """How texts are made to learn from.

    Attributes:
        kind: of the edits.
        budget: most edits of a text.
        copies: changed copies of each text, edited at random.
        searched: texts, drawn anew, that are attacked as ``attack`` does; what was found is learned too.
        seed: of all that is drawn.
    """

    kind: Kind
    budget: int
    copies: int
    searched: int
    seed: int


def with_edited_texts(examples: Examples, model: Model, data: Dataset, recipe: Recipe) -> Examples:
    """The rows of the split ``train``, followed by changed copies with the same labels and weights.

    Args:
        examples: what :func:`read_examples` makes of that split.
    """
    # As it will read its rows: what has no transforms yet takes those of the data.
    transforms = learned_transforms(model, data)
    model = model.expecting(transforms)
    learned = texts.read_texts(model, data, TRAINING)
    # As in the examples, what weighs nothing is not there: places mean the same in both.
    learned = learned.take(counted_places(read_weights(data, TRAINING), len(learned.rows)))
    places, changed = _random_copies(model, learned, recipe)
    for place, text in _searched(model, data, learned, recipe):
        places.append(place)
        changed.append(text)
    rows: list[Row] = [{**learned.rows[place], "text": text} for place, text in zip(places, changed, strict=True)]
    # All transforms, those that the rows have had among them: an edit may have made new work for them.
    ready = apply_transforms(transforms, rows)
    encoded = examples.task.encode(examples.processor, ready)
    return examples.with_copies(places, encoded)


def _random_copies(model: Model, learned: Texts, recipe: Recipe) -> tuple[list[int], list[str]]:
    """Places of the rows and their texts with 1 to ``budget`` words edited at random."""
    good = texts.telling_words(model, learned) if recipe.kind == "insert" else None
    random = np.random.default_rng(recipe.seed)
    places, changed = list[int](), list[str]()
    for _ in range(recipe.copies):
        for place, text in enumerate(learned.texts):
            offered: Sequence[str] = good[int(learned.targets[place])] if good else ()
            count = int(random.integers(1, recipe.budget + 1))
            edited = text_variation.vary(text, recipe.kind, count, random, offered)
            if edited != text:
                places.append(place)
                changed.append(edited)
    return places, changed


def _searched(model: Model, data: Dataset, learned: Texts, recipe: Recipe) -> list[tuple[int, str]]:
    """Place and text of everything that an attack on the model tried last."""
    if not recipe.searched:
        return []
    chosen = np.sort(np.random.default_rng(recipe.seed).permutation(len(learned.rows))[: recipe.searched])
    attack = Attack(recipe.kind, recipe.budget, choices=8, seed=recipe.seed)
    with Predictor(model) as predictor:
        trails = texts.attack(predictor, learned.take(chosen), data, attack, title="searching what to learn from")
    return [(int(place), trail.steps[-1]) for place, trail in zip(chosen, trails, strict=True) if trail.steps]


def loss_of_moved_rows(
    loss: Loss,
    model: Model,
    data: Dataset,
    processor: Any,
    network: Any,
    *,
    budget: float,
    iterations: int,
    share: float,
) -> Loss:
    """A loss for networks of pixels or numbers, partly at rows moved by projected gradient descent."""
    import torch

    from modelyard.networks.evasion.limits import Limits
    from modelyard.networks.evasion.training import adversarial_loss

    space = cast(ContinuousTask, lookup.task(model.task)).space(processor)
    device = next(network.parameters()).device

    def tensor(array: np.ndarray) -> Any:
        return torch.from_numpy(array.astype(np.float32)).to(device)

    low, high = gradients.value_range(space, model, data)
    limits = Limits(budget, "linf", tensor(low)[None], tensor(high)[None], tensor(space.free)[None], space.grid)
    return adversarial_loss(
        loss,
        limits,
        name=space.name,
        offset=tensor(space.offset),
        unit=tensor(space.unit),
        iterations=iterations,
        share=share,
    )
