"""Takes attention heads out of a transformer. Knows no architecture: they are found in ``networks``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from modelyard.core import lookup
from modelyard.core.dataset import Dataset
from modelyard.core.model import Model
from modelyard.core.options import Between, Search
from modelyard.core.step import step
from modelyard.methods import pruning
from modelyard.steps.prune._result import finish, open_network
from modelyard.steps.prune._rows import batches


@step(needs="training gradients layers", converts=True, shrinks="parts")
def heads(
    model: Model,
    data: Dataset,
    *,
    out: Path,
    scratch: Path,
    keep: Annotated[float, Between(0.01, 1.0), Search(0.5, 0.75)] = 0.5,
    scope: Literal["layer", "network"] = "network",
    split: str = "train",
    rows: Annotated[int, Between(1)] = 256,
    epochs: Annotated[float, Between(0, 1000)] = 0.0,
    learning_rate: Annotated[float, Between(0.0, 1.0)] | None = None,
    seed: Annotated[int, Between(0, 2**32 - 1)] = 0,
) -> Model:
    """Keep the most important attention heads; each layer keeps one at the least.

    A head's importance is, over real rows, the size of what it gathered times the gradient of the loss there: to
    first order, what the loss would change by without it (Michel et al. 2019). Heads that share keys and values
    (grouped queries) stay or go together. A third of a layer's arithmetic and the attention between the tokens
    shrink with the heads, which tells most in long rows. The model's ``config.json`` goes on naming the old number of
    heads, so other tools than modelyard open it only once it is exported.

    Args:
        model: a transformer, on the runtime torch.
        data: rows to measure importance on, and to recover with.
        keep: share of the heads that stays.
        scope: a share of all heads, or the same share of every layer.
        split: where the rows for the importance come from.
        rows: how many of them.
        epochs: passes over the training rows to recover.
        learning_rate: peak rate of the recovery. Left out, it follows the size of the network.
        seed: of the choice of rows, of their order and of dropout.
    """
    from modelyard.networks import heads as attention
    from modelyard.networks import importance

    network = open_network(model)
    parts = [(part.output, part.heads) for part in attention.find(network)]
    given = batches(model, data, split, rows, seed=seed, device=next(network.parameters()).device)
    scores = importance.of_inputs(network, parts, given, lookup.task(model.task).loss)
    attention.keep(network, pruning.choose(scores, keep, scope=scope, multiple=1))
    return finish(network, model, data, out=out, scratch=scratch, epochs=epochs, learning_rate=learning_rate, seed=seed)
