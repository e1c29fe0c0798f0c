"""Takes inner channels out of a convolutional network. Knows no architecture: they are found in ``networks``."""

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
from modelyard.steps.prune._rows import batches, example


@step(needs="training gradients image channels", converts=True, shrinks="parts")
def channels(
    model: Model,
    data: Dataset,
    *,
    out: Path,
    scratch: Path,
    keep: Annotated[float, Between(0.01, 1.0), Search(0.25, 0.5, 0.75)] = 0.5,
    scope: Literal["layer", "network"] = "network",
    multiple: Annotated[int, Between(1, 1024)] = 16,
    split: str = "train",
    rows: Annotated[int, Between(1)] = 256,
    epochs: Annotated[float, Between(0, 1000)] = 0.0,
    learning_rate: Annotated[float, Between(0.0, 1.0)] | None = None,
    seed: Annotated[int, Between(0, 2**32 - 1)] = 0,
) -> Model:
    """Keep the most important channels between two convolutions.

    Channels that one convolution makes and only one other reads go without a trace in the rest of the network: in a
    ResNet or an EfficientNet-Lite all but those that are added to the input of a block. A channel's importance is, over
    real rows, the size of its values times the gradient of the loss there: to first order, what the loss would change
    by without it (Molchanov et al. 2019). Work and weights of both convolutions shrink with the channels.

    Much is lost at first; a few ``epochs`` here, or a ``finetune`` after this step, bring most of it back. The model's
    ``config.json`` goes on naming the old widths, so other tools than modelyard open it only once it is exported.

    Args:
        model: a convolutional network, on the runtime torch.
        data: rows to measure importance on, and to recover with.
        keep: share of these channels that stays.
        scope: a share of all such channels, or the same share of every layer.
        multiple: the width of a layer stays a whole number of these; kernels work on 8 or 16 channels at a time.
        split: where the rows for the importance come from.
        rows: how many of them.
        epochs: passes over the training rows to recover.
        learning_rate: peak rate of the recovery. Left out, it follows the size of the network.
        seed: of the choice of rows, of their order and of dropout.
    """
    from modelyard.networks import channels as inner
    from modelyard.networks import importance

    network = open_network(model)
    device = next(network.parameters()).device
    parts = inner.find(network, example(model, device=device))
    given = batches(model, data, split, rows, seed=seed, device=device)
    readers = [part.reader for part in parts]
    scores = importance.of_channels(network, readers, given, lookup.task(model.task).loss)
    inner.keep(parts, pruning.choose(scores, keep, scope=scope, multiple=multiple))
    return finish(network, model, data, out=out, scratch=scratch, epochs=epochs, learning_rate=learning_rate, seed=seed)
