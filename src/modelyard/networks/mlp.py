"""A multilayer perceptron: float features in, logits or one number out.

Plain layers and nothing else, so that any runtime can take the graph. Knows no table.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import torch

from modelyard.core.errors import InputError

CONFIG = "config.json"
WEIGHTS = "model.safetensors"


@dataclass
class Config:
    """Shape of the network, as ``config.json`` says it.

    Attributes:
        features: numbers of a row.
        outputs: classes, or 1 for a number.
        output: name of the output.
        hidden: width of each hidden layer.
        dropout: rate after each hidden layer while training.
    """

    features: int
    outputs: int
    output: Literal["logits", "value"]
    hidden: list[int]
    dropout: float = 0.0
    model_type: str = "mlp"


class MLP(torch.nn.Module):
    """Linear layers with ReLU between them (Rumelhart, Hinton and Williams 1986; Nair and Hinton 2010)."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        layers: list[torch.nn.Module] = []
        width = config.features
        for size in config.hidden:
            layers += [torch.nn.Linear(width, size), torch.nn.ReLU(), torch.nn.Dropout(config.dropout)]
            width = size
        self.layers = torch.nn.Sequential(*layers, torch.nn.Linear(width, config.outputs))

    def forward(self, features: torch.Tensor) -> dict[str, torch.Tensor]:
        """Rows of shape (batch, features), float32 → ``logits`` or ``value`` of shape (batch, outputs)."""
        return {self.config.output: self.layers(features)}

    def save_pretrained(self, folder: Path) -> None:
        """Write ``config.json`` and ``model.safetensors``."""
        from safetensors.torch import save_file

        config = json.dumps(asdict(self.config), indent=1, sort_keys=True)
        (folder / CONFIG).write_text(config + "\n", encoding="utf-8")
        tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in self.state_dict().items()}
        save_file(tensors, folder / WEIGHTS, metadata={"format": "pt"})


def load(folder: Path) -> MLP:
    """The network that :meth:`MLP.save_pretrained` wrote, in evaluation mode.

    Raises:
        InputError: the folder holds none.
    """
    from safetensors.torch import load_file

    if not (folder / WEIGHTS).is_file():
        raise InputError("the model has no network for torch", expected="a model made of new:mlp")
    network = MLP(Config(**json.loads((folder / CONFIG).read_text(encoding="utf-8"))))
    network.load_state_dict(load_file(folder / WEIGHTS))
    return network.eval()


def write_new(
    folder: Path,
    *,
    features: int,
    outputs: int,
    hidden: list[int],
    dropout: float,
    output: Literal["logits", "value"],
    seed: int,
) -> None:
    """Write a network with random weights drawn from ``seed``; the other arguments are those of :class:`Config`."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        MLP(Config(features, outputs, output, hidden, dropout)).save_pretrained(folder)
