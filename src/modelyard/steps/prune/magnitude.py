"""Sets the smallest weights to zero. Knows no architecture."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

from modelyard.core import lookup
from modelyard.core.artifact import Artifact
from modelyard.core.dataset import Dataset
from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.options import Between
from modelyard.core.step import step
from modelyard.methods.pruning import cubic_sparsity
from modelyard.steps.prune._result import open_network, train_on

CHANGES = 50
"""How often the weights are chosen anew while the share rises."""


@step(needs="training gradients", converts=True)
def magnitude(
    model: Model,
    data: Dataset | None,
    *,
    out: Path,
    scratch: Path,
    sparsity: Annotated[float, Between(0.01, 0.99)] = 0.5,
    scope: Literal["layer", "network"] = "network",
    epochs: Annotated[float, Between(0, 1000)] = 0.0,
    ramp: Annotated[float, Between(0.01, 1.0)] = 0.7,
    learning_rate: Annotated[float, Between(0.0, 1.0)] | None = None,
    seed: Annotated[int, Between(0, 2**32 - 1)] = 0,
) -> Model:
    """Set the weights nearest to zero to zero; the shapes stay, so nothing runs faster.

    With ``epochs`` the share of zeros rises while the model is trained, fast at first and slower at the end (Zhu &
    Gupta 2017), and what is zero stays zero. Products and convolutions are thinned; embeddings, norms and biases are
    not.

    **It saves no time on a CPU**, whose kernels compute with zeros as with any number, and no space in the file unless
    that is compressed. It shows how much of a network a task needs; ``prune layers``, ``neurons`` and ``heads``
    make models smaller and faster. The share of zeros stands in the report of ``benchmark`` as ``sparsity``. A
    fine-tune after this step fills the zeros again.

    Args:
        model: the model to thin, on the runtime torch.
        data: rows to recover with; not needed without ``epochs``.
        sparsity: share of the weights that becomes zero.
        scope: the smallest weights of the whole network, or the same share of each layer.
        epochs: passes over the training rows while the share rises and after; 0 cuts at once.
        ramp: share of the training in which the zeros rise to their final share.
        learning_rate: peak rate of the training. Left out, it follows the size of the network.
        seed: of the order of rows and of dropout.
    """
    from modelyard.engines.training import learned_transforms, preparation, write_curve
    from modelyard.networks.sparsity import Masks, share

    if epochs and data is None:
        raise InputError("recovery trains on real rows", expected="a dataset, or epochs: 0")
    network, curve = open_network(model), None
    if epochs:
        network = preparation.with_dropout(network, None, 0.0)
    masks = Masks(network, scope)
    if epochs and data is not None:

        def after_step(done: int, total: int) -> None:
            if done % max(1, total // CHANGES) == 0 or done == total:
                masks.thin(cubic_sparsity(done / (ramp * total), sparsity))
            else:
                masks.apply()

        identity = json.dumps([model.digest, data.digest, sparsity, scope, ramp])
        curve = train_on(
            network,
            model,
            data,
            scratch=scratch,
            epochs=epochs,
            learning_rate=learning_rate,
            seed=seed,
            identity=identity,
            # The weights of an early epoch would be the best, and have fewer zeros.
            validate=False,
            after_step=after_step,
        )
    else:
        masks.thin(sparsity)
    masks.take_away()
    settings = {**lookup.runtime(model.runtime).build(model, out, network=network), "sparsity": share(network)}
    parents: list[Artifact] = [model] if data is None else [model, data]
    if curve is None or data is None:
        return model.rewrite(out, parents=parents, settings=settings)
    write_curve(out, curve)
    return model.retrained(out, parents=parents, transforms=learned_transforms(model, data), settings=settings)
