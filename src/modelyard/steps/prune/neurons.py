"""Makes the feed-forward parts of a transformer narrower. Knows no architecture: they are found in ``networks``."""

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
def neurons(
    model: Model,
    data: Dataset,
    *,
    out: Path,
    scratch: Path,
    keep: Annotated[float, Between(0.01, 1.0), Search(0.25, 0.5, 0.75)] = 0.5,
    scope: Literal["layer", "network"] = "layer",
    multiple: Annotated[int, Between(1, 1024)] = 32,
    split: str = "train",
    rows: Annotated[int, Between(1)] = 256,
    epochs: Annotated[float, Between(0, 1000)] = 0.0,
    learning_rate: Annotated[float, Between(0.0, 1.0)] | None = None,
    seed: Annotated[int, Between(0, 2**32 - 1)] = 0,
) -> Model:
    """Keep the most important neurons of each feed-forward part.

    A neuron's importance is, over real rows, the size of its activation times the gradient of the loss there: to
    first order, what the loss would change by without it (Molchanov et al. 2017). The feed-forward parts do two thirds
    of a layer's arithmetic. With ``scope: layer`` all layers stay equally wide and other tools open the model too;
    with ``network`` the neurons of all layers compete, and a layer that matters little becomes narrow.

    Args:
        model: a transformer, on the runtime torch.
        data: rows to measure importance on, and to recover with.
        keep: share of the neurons that stays.
        scope: the same share of every layer, or a share of all.
        multiple: the width of a layer stays a whole number of these; int8 kernels work on 32 at a time.
        split: where the rows for the importance come from.
        rows: how many of them.
        epochs: passes over the training rows to recover.
        learning_rate: peak rate of the recovery. Left out, it follows the size of the network.
        seed: of the choice of rows, of their order and of dropout.
    """
    from modelyard.networks import feed_forward, importance

    network = open_network(model)
    parts = [(part.down, part.width) for part in feed_forward.find(network)]
    given = batches(model, data, split, rows, seed=seed, device=next(network.parameters()).device)
    scores = importance.of_inputs(network, parts, given, lookup.task(model.task).loss)
    feed_forward.keep(network, pruning.choose(scores, keep, scope=scope, multiple=multiple))
    return finish(network, model, data, out=out, scratch=scratch, epochs=epochs, learning_rate=learning_rate, seed=seed)
