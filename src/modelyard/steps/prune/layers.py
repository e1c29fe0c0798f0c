"""Leaves out whole layers of a transformer. Knows no architecture: layers are found in ``networks``."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any, Literal

from modelyard.core import lookup
from modelyard.core.dataset import Dataset
from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.options import Between, Search
from modelyard.core.progress import progress
from modelyard.core.step import step
from modelyard.methods import pruning
from modelyard.steps.prune._result import finish, open_network
from modelyard.steps.prune._rows import batches


@step(needs="training gradients layers", converts=True, shrinks="parts")
def layers(
    model: Model,
    data: Dataset | None,
    *,
    out: Path,
    scratch: Path,
    keep: Annotated[Annotated[int, Between(1)] | list[Annotated[int, Between(0)]] | None, Search(2, 3, 4, 6, 8)] = None,
    choose: Literal["spaced", "taylor", "loss"] = "spaced",
    split: str = "train",
    rows: Annotated[int, Between(1)] = 256,
    epochs: Annotated[float, Between(0, 1000)] = 0.0,
    learning_rate: Annotated[float, Between(0.0, 1.0)] | None = None,
    seed: Annotated[int, Between(0, 2**32 - 1)] = 0,
) -> Model:
    """Leave out whole layers.

    Half of the layers take half of the time. What is lost comes back for the most part when the model is trained
    afterwards: here for some ``epochs``, or by a ``finetune`` or ``distill`` that follows. Layers at even distances
    are a choice hard to beat (Sajjad et al. 2020); importance on real rows finds the layers that this task
    can do without, which matters most where nothing is trained afterwards.

    Args:
        model: a transformer with one list of layers, on the runtime torch.
        data: rows to measure importance on and to recover with; not needed for ``choose: spaced`` without ``epochs``.
        keep: how many layers stay, or a list of which, counted from 0. Left out, every second one.
        choose: spaced keeps layers at even distances, the first and the last among them; taylor keeps those whose
            contribution times gradient is largest, by one pass over the rows; loss leaves out one layer after the
            other, each time the one without which the loss is smallest.
        split: where the rows for the importance come from.
        rows: how many of them.
        epochs: passes over the training rows to recover.
        learning_rate: peak rate of the recovery. Left out, it follows the size of the network.
        seed: of the choice of rows, of their order and of dropout.
    """
    from modelyard.networks import blocks

    network = open_network(model)
    kept = _listed(keep, len(blocks.find(network)))
    if isinstance(kept, int) and choose == "spaced":
        kept = pruning.spaced(len(blocks.find(network)), kept)
    elif isinstance(kept, int):
        given = batches(model, data, split, rows, seed=seed, device=next(network.parameters()).device)
        kept = _by_importance(network, kept, given, lookup.task(model.task).loss, choose)
    blocks.keep(network, kept)
    return finish(network, model, data, out=out, scratch=scratch, epochs=epochs, learning_rate=learning_rate, seed=seed)


def _listed(keep: int | list[int] | None, count: int) -> int | list[int]:
    """How many layers of ``count`` stay, or which."""
    if keep is None:
        return -(-count // 2)
    if isinstance(keep, int):
        if keep > count:
            raise InputError(f"keep: {keep}", expected=f"at most {count}, which the network has")
        return keep
    if not keep or max(keep) >= count or len(set(keep)) < len(keep):
        raise InputError(f"keep: {keep}", expected=f"different numbers of layers from 0 to {count - 1}")
    return sorted(keep)


def _by_importance(network: Any, keep: int, given: Sequence[Any], loss: Any, choose: str) -> list[int]:
    from modelyard.networks import blocks, importance

    found = list(blocks.find(network))
    if choose == "taylor":
        return [int(layer) for layer in pruning.largest(importance.of_blocks(network, found, given, loss), keep)]
    kept = list(range(len(found)))
    with ExitStack() as without, progress("leaving out layers", len(found) - keep) as bar:
        while len(kept) > keep:
            losses = {}
            for layer in kept:
                with blocks.skipped(found[layer]):
                    losses[layer] = importance.mean_loss(network, given, loss)
            least = min(kept, key=lambda layer: losses[layer])
            kept.remove(least)
            without.enter_context(blocks.skipped(found[least]))
            bar.advance(1, loss=losses[least])
    return kept
