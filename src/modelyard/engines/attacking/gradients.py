"""Attacks on classifiers of images and tables that follow the gradient of a torch network.

What ships may run elsewhere: then the network it came from is attacked, and the answers that count are those of what
ships. Knows tasks by their abilities, and no step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import numpy as np

from modelyard.core import lookup
from modelyard.core.dataset import ROW_ID, Dataset
from modelyard.core.errors import InputError
from modelyard.core.input_space import InputSpace
from modelyard.core.model import Model
from modelyard.core.predictor import Predictor
from modelyard.core.progress import progress
from modelyard.core.runtime import NetworkSession
from modelyard.core.task import ContinuousTask
from modelyard.engines.training import read_examples

BATCH_NUMBERS = 2_000_000
"""Values of one batch: as many rows as have so many together, and at most ``BATCH_ROWS``."""
BATCH_ROWS = 256


@dataclass(frozen=True)
class Values:
    """Rows as values of the network's input space.

    Attributes:
        values: float32 (rows, …).
        targets: number of each right class, in the order of the model's classes.
        numbers: of the rows in their source.
    """

    values: np.ndarray
    targets: np.ndarray
    numbers: np.ndarray


Craft = Callable[[Callable[[Any], Any], Any, Any, Any], tuple[Any, Any]]
"""Logits, values, targets and limits of a batch, all of torch → moved values, and passes through the network a row."""


class Aim:
    """A model under attack and the network whose gradient is followed.

    Args:
        predictor: the model that ships.
        network: torch module of the model itself, or of the one that it was made from.
        order: place of each of the model's classes among the network's.
        space: what the input means.
        low, high: ends of the values' range, finite.
        is_own: whether the network is the model's own.
    """

    def __init__(
        self,
        predictor: Predictor,
        network: Any,
        order: np.ndarray,
        space: InputSpace,
        low: np.ndarray,
        high: np.ndarray,
        *,
        is_own: bool,
    ) -> None:
        import torch

        self.predictor, self.network, self.space, self.is_own = predictor, network, space, is_own
        self.low, self.high = low, high
        self.device = next(network.parameters()).device
        self._order = torch.from_numpy(order).to(self.device)
        self._offset, self._unit = (self.tensor(array.astype(np.float32)) for array in (space.offset, space.unit))

    def tensor(self, array: np.ndarray) -> Any:
        import torch

        return torch.from_numpy(np.ascontiguousarray(array)).to(self.device)

    def logits(self, values: Any) -> Any:
        """Logits (rows, classes) in the order of the model's classes."""
        return self.network(**{self.space.name: self._offset + self._unit * values})["logits"][:, self._order]

    def answers(self, values: np.ndarray) -> np.ndarray:
        """Numbers of the classes that the model that ships answers."""
        parts = [self._logits_shipped(values[part]).argmax(axis=1) for part in _batches(values)]
        return np.concatenate(parts) if parts else np.empty(0, dtype=np.int64)

    def probabilities(self, values: np.ndarray) -> np.ndarray:
        """Probabilities (rows, classes) of the model that ships."""
        from modelyard.methods.class_predictions import softmax

        return np.concatenate([softmax(self._logits_shipped(values[part])) for part in _batches(values)])

    def features(self, values: np.ndarray) -> np.ndarray:
        """What the network's last linear layer reads (rows, width)."""
        from modelyard.networks import penultimate

        parts = [
            penultimate.features(self.network, partial(self.logits, self.tensor(values[part])))
            for part in _batches(values)
        ]
        return np.concatenate([part.cpu().numpy().astype(np.float64) for part in parts])

    def _logits_shipped(self, values: np.ndarray) -> np.ndarray:
        return np.asarray(self.predictor.session.run({self.space.name: self.space.array(values)})["logits"])

    def limits(self, epsilon: float, norm: Any = "linf") -> Any:
        """Budget, range and grid as the attacks take them."""
        from modelyard.networks.evasion.limits import Limits

        low, high, free = (
            self.tensor(array.astype(np.float32))[None] for array in (self.low, self.high, self.space.free)
        )
        return Limits(epsilon, norm, low, high, free, self.space.grid)

    def craft(self, rows: Values, limits: Any, method: Craft, *, title: str) -> tuple[np.ndarray, np.ndarray]:
        """Move every row by a method, batch by batch; also the passes that each row took."""
        moved, passes = rows.values.copy(), np.zeros(len(rows.values), dtype=np.int64)
        with progress(title, len(moved)) as bar:
            for part in _batches(moved):
                found, took = method(self.logits, self.tensor(moved[part]), self.tensor(rows.targets[part]), limits)
                moved[part], passes[part] = found.cpu().numpy(), np.asarray(took)
                bar.advance(len(moved[part]))
        return moved, passes


def _batches(values: np.ndarray) -> list[slice]:
    size = max(1, min(BATCH_ROWS, BATCH_NUMBERS // max(1, int(np.prod(values.shape[1:])))))
    return [slice(start, start + size) for start in range(0, len(values), size)]


@contextmanager
def aim(model: Model, base: Model | None, data: Dataset, *, device: str) -> Iterator[Aim]:
    """Open a model for attack.

    Args:
        model: what ships.
        base: the torch model that it came from, followed where the model itself shows no gradient.
        data: its split ``train`` says what range values have, where the task does not.

    Raises:
        InputError: neither of them shows a gradient, or they are of different tasks or classes.
    """
    shows = "gradients" in lookup.runtime(model.runtime).abilities
    source = model if shows else base
    if source is None or "gradients" not in lookup.runtime(source.runtime).abilities:
        raise InputError(
            f"a model on the runtime {model.runtime!r} shows no gradient to follow",
            expected="a model on the runtime torch, or base: the torch model that it was made from",
            fix="give the model before its conversion as base: it is attacked, and this model judges what was found",
        )
    if source.task != model.task or set(source.labels) != set(model.labels):
        raise InputError("base is of another task or has other classes", expected="the model before its conversion")
    task = cast(ContinuousTask, lookup.task(model.task))
    with ExitStack() as opened:
        predictor = opened.enter_context(Predictor(model, device=device if shows else "cpu"))
        session = predictor.session
        if not shows:
            session = lookup.runtime(source.runtime).open(source, device=device)
            opened.callback(session.close)
        space = task.space(predictor.processor)
        low, high = value_range(space, model, data)
        order = np.array([source.labels.index(label) for label in model.labels])
        yield Aim(predictor, cast(NetworkSession, session).network, order, space, low, high, is_own=shows)


def value_range(space: InputSpace, model: Model, data: Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Least and greatest values: the space's own; where they are open, those of the rows to learn from."""
    if np.isfinite(space.low).all() and np.isfinite(space.high).all():
        return space.low, space.high
    values = read_values(model, data, "train", space).values
    low = np.where(np.isfinite(space.low), space.low, values.min(axis=0))
    return low, np.where(np.isfinite(space.high), space.high, values.max(axis=0))


def read_values(
    model: Model,
    data: Dataset,
    split: str,
    space: InputSpace,
    *,
    label: str | None = None,
    rows: int | None = None,
    seed: int = 0,
) -> Values:
    """Rows of a split as values, drawn without putting back, in the order of the split.

    Args:
        label: the class that they are drawn from; None for all.
        rows: how many; all of them where there are fewer, or for None.

    Raises:
        InputError: no such rows, or rows that the model cannot read.
    """
    if label is not None and label not in model.labels:
        raise InputError(f"label: {label!r}", expected=f"a class of the model: {', '.join(model.labels)}")
    task = lookup.task(model.task)
    examples = read_examples(model, data, split, task=task, processor=task.processor(model))
    wanted = None if label is None else model.labels.index(label)
    places = [place for place, row in enumerate(examples.encoded) if wanted in (None, int(row["labels"]))]
    if not places:
        raise InputError(f"the split {split!r} has no rows to attack", fix="choose another split or label")
    chosen = np.array(places)[np.sort(np.random.default_rng(seed).permutation(len(places))[:rows])]
    batches = [examples.batch(part)[0] for part in np.array_split(chosen, -(-len(chosen) // BATCH_ROWS))]
    values = np.concatenate([space.values(batch[space.name]) for batch in batches])
    targets = np.concatenate([batch["labels"] for batch in batches])
    return Values(values, targets, np.asarray(data.column(split, ROW_ID), dtype=np.int64)[chosen])
