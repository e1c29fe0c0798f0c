"""Leaves out what the last layer does for tokens that the classifier does not read. Exact."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from modelyard.core import lookup
from modelyard.core.artifact import Artifact
from modelyard.core.dataset import Dataset
from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.options import Between
from modelyard.core.step import step
from modelyard.steps.prune._result import open_network
from modelyard.steps.prune._rows import batches


@step(needs="labels training gradients", converts=True, shrinks="parts")
def positions(
    model: Model,
    data: Dataset | None,
    *,
    out: Path,
    split: str = "train",
    rows: Annotated[int, Between(2)] = 256,
    seed: Annotated[int, Between(0, 2**32 - 1)] = 0,
) -> Model:
    """Let the last layer work on the first token only, where the classifier reads no other.

    The classifiers of BERT and its kin read the first token's state of the last layer. For the other tokens
    that layer then needs keys and values alone: five sixths of its arithmetic is left out, and the answers stay what
    they were. The fewer layers there are, the more it saves. The weights do not change; the cut is part of the
    model and of what it is exported to.

    That the logits stay within 1e-4 is seen by trying it on real rows; a model for which they do not is refused.

    Args:
        model: a classifier that is a transformer encoder, on the runtime torch.
        data: rows to try it on; without them, random ones.
        split: where the rows come from.
        rows: how many of them.
        seed: of the choice of rows.
    """
    import torch

    from modelyard.networks import first_position

    network = open_network(model)
    device = next(network.parameters()).device
    example, _ = lookup.task(model.task).export_example(model)
    given = [{name: torch.from_numpy(array).to(device) for name, array in example.items()}]
    if data is not None:
        given += batches(model, data, split, rows, seed=seed, device=device)
    # A model that was cut before stays as it is: its network comes with the cut.
    known = model.settings.get("first_position")
    depth = known or first_position.find(network, [{name: batch[name] for name in example} for batch in given])
    if depth is None:
        raise InputError(
            f"{type(network).__name__} needs all positions of its last layer",
            expected="a classifier that reads the first token's state, such as BERT's",
            fix="leave prune positions out",
        )
    parents: list[Artifact] = [model] if data is None else [model, data]
    settings = lookup.runtime(model.runtime).build(model, out, network=network)
    return model.rewrite(out, parents=parents, settings={**settings, "first_position": depth})
