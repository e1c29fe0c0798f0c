"""How much the loss on real rows depends on parts of a network, from one backward pass.

To first order, the loss without a part differs by the part's activation times the gradient there (Molchanov et al.
2017, "Pruning convolutional neural networks for resource efficient inference", and 2019, "Importance estimation for
neural network pruning"; for heads Michel et al. 2019, "Are sixteen heads really better than one?"). It is summed over
a row's positions, and the sizes are averaged over rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from modelyard.networks.blocks import output_tensor

Batch = Mapping[str, Tensor]
Loss = Callable[[Any, Any, Any], Tensor]
"""``loss(network, batch, weights)``, a mean over the rows of the batch."""


def of_inputs(
    network: nn.Module, layers: Sequence[tuple[nn.Module, int]], batches: Sequence[Batch], loss: Loss
) -> list[np.ndarray]:
    """Importance of the parts that each layer's input is made of.

    Args:
        layers: a layer and the number of equal parts that the last axis of its input is cut into.
        batches: inputs and targets, on the network's device.

    Returns:
        for each layer float64 of shape (parts,).
    """

    def part(module: nn.Module, inputs: tuple[Tensor, ...], output: Any) -> tuple[Tensor, Tensor]:
        return inputs[0], inputs[0]

    found = _collect(network, [layer for layer, _ in layers], part, batches, loss)
    return [
        np.mean([np.abs(_per_row(products, parts)) for products in rows], axis=0)
        for rows, (_, parts) in zip(found, layers, strict=True)
    ]


def of_channels(
    network: nn.Module, layers: Sequence[nn.Module], batches: Sequence[Batch], loss: Loss
) -> list[np.ndarray]:
    """Importance of the channels of each convolution's input, float64 of shape (channels,)."""

    def part(module: nn.Module, inputs: tuple[Tensor, ...], output: Any) -> tuple[Tensor, Tensor]:
        return inputs[0], inputs[0]

    found = _collect(network, layers, part, batches, loss, axis=1)
    return [np.mean(np.abs(rows), axis=0) for rows in found]


def of_blocks(network: nn.Module, layers: Sequence[nn.Module], batches: Sequence[Batch], loss: Loss) -> np.ndarray:
    """Importance of what each layer adds to its input, float64 of shape (layers,)."""

    def part(module: nn.Module, inputs: tuple[Tensor, ...], output: Any) -> tuple[Tensor, Tensor]:
        after = output_tensor(output)
        return after, after - inputs[0][:, : after.shape[1]]

    found = _collect(network, layers, part, batches, loss)
    return np.array([np.mean([abs(products.sum()) for products in rows]) for rows in found])


def mean_loss(network: nn.Module, batches: Sequence[Batch], loss: Loss) -> float:
    """Mean loss over all rows."""
    with torch.inference_mode():
        sums = [float(loss(network, batch, None)) * _rows(batch) for batch in batches]
    return sum(sums) / sum(map(_rows, batches))


def _collect(
    network: nn.Module,
    layers: Sequence[nn.Module],
    part: Callable[[nn.Module, tuple[Tensor, ...], Any], tuple[Tensor, Tensor]],
    batches: Sequence[Batch],
    loss: Loss,
    axis: int = -1,
) -> list[list[np.ndarray]]:
    """For each layer and row the products of a part's value and the gradient, summed over all axes but ``axis``."""
    network.eval()
    products: list[list[np.ndarray]] = [[] for _ in layers]
    seen: dict[int, tuple[Tensor, Tensor]] = {}

    def watch(number: int) -> Callable[..., None]:
        def hook(module: nn.Module, inputs: tuple[Tensor, ...], output: Any) -> None:
            seen[number] = part(module, inputs, output)

        return hook

    handles = [layer.register_forward_hook(watch(number)) for number, layer in enumerate(layers)]
    try:
        for batch in batches:
            total = loss(network, batch, None) * _rows(batch)
            gradients = torch.autograd.grad(total, [seen[number][0] for number in range(len(layers))])
            for number, gradient in enumerate(gradients):
                product = (seen[number][1].detach() * gradient).double().movedim(axis, -1)
                products[number] += list(product.reshape(len(product), -1, product.shape[-1]).sum(1).cpu().numpy())
            seen.clear()
    finally:
        for handle in handles:
            handle.remove()
    return products


def _rows(batch: Batch) -> int:
    return len(next(iter(batch.values())))


def _per_row(products: np.ndarray, parts: int) -> np.ndarray:
    return np.asarray(products.reshape(parts, -1).sum(1))
