"""Training with numbers rounded as int8 will round them, and the graph of the same network in int8.

Jacob et al. (2018), "Quantization and training of neural networks for efficient integer-arithmetic-only inference",
https://arxiv.org/abs/1712.05877. Weights are rounded symmetrically with a scale for each output, what goes into a
product or a convolution, and what a convolution gives, to 256 values over a range that widens with the data. Gradients
pass the rounding as if it were not there (Bengio et al. 2013), and stop where a value lies outside of its range.
Layers stay where they are, so that nothing else of a network need be known.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

LEVELS = 255
MOMENTUM = 0.01
"""Share by which a range widens towards what one batch of the training spans."""
SMALLEST_SPAN = 1e-12
"""A tensor that spans less is all zeros."""
LARGEST_BIAS = 2**30
"""Whole numbers of a bias stay below it: they are added in 32 bits."""
Mode = Literal["observe", "round", "export"]


class Range(nn.Module):
    """Rounds a tensor to 256 values between the least and the largest seen; zero is always one of them."""

    low: Tensor
    high: Tensor
    scale: Tensor
    zero: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.mode: Mode = "observe"
        self.register_buffer("low", torch.zeros(()))
        self.register_buffer("high", torch.zeros(()))

    def forward(self, values: Tensor) -> Tensor:
        """The same shape; as it came while observing."""
        if self.mode == "observe":
            self._widen(values.detach())
            return values
        if self.training:
            self._follow(values.detach())
        if self.mode == "export":
            stored = _onnx("QuantizeLinear", (values, self.scale, self.zero), torch.uint8, values)
            return _onnx("DequantizeLinear", (stored, self.scale, self.zero), torch.float32, values)
        scale, zero = self.grid()
        return torch.fake_quantize_per_tensor_affine(values, scale, zero, 0, LEVELS)

    def grid(self) -> tuple[Tensor, Tensor]:
        """Distance of two neighbours (float32), and the number of zero among them (int32)."""
        span = self.high - self.low
        scale = torch.where(span > SMALLEST_SPAN, span / LEVELS, torch.ones_like(span))
        return scale, (-self.low / scale).round().clamp(0, LEVELS).to(torch.int32)

    def store(self) -> None:
        """Fix the grid, for export."""
        scale, zero = self.grid()
        self.register_buffer("scale", scale)
        self.register_buffer("zero", zero.to(torch.uint8))
        self.mode = "export"

    def _widen(self, values: Tensor) -> None:
        self.low.copy_(torch.minimum(self.low, values.min()))
        self.high.copy_(torch.maximum(self.high, values.max()))

    def _follow(self, values: Tensor) -> None:
        # It never narrows: a batch spans less than all rows do, and what lies outside is lost.
        self.low.lerp_(torch.minimum(self.low, values.min()), MOMENTUM)
        self.high.lerp_(torch.maximum(self.high, values.max()), MOMENTUM)


class Weights(nn.Module):
    """Rounds a weight to whole multiples of a scale for each of its first axis, at most ``limit`` of them."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self.limit = limit

    def forward(self, weight: Tensor) -> Tensor:
        """The same shape."""
        scale = self.scale(weight)
        zero = torch.zeros_like(scale, dtype=torch.int32)
        return torch.fake_quantize_per_channel_affine(weight, scale, zero, 0, -self.limit, self.limit)

    def scale(self, weight: Tensor) -> Tensor:
        """Of shape (outputs,)."""
        largest = weight.detach().abs().flatten(1).amax(1)
        return torch.where(largest > 0, largest / self.limit, torch.ones_like(largest))


class _Stored(nn.Module):
    """A weight or bias as whole numbers and their scales along an axis, in place of the floats in a graph."""

    whole: Tensor
    scale: Tensor
    zero: Tensor

    def __init__(self, whole: Tensor, scale: Tensor, axis: int = 0) -> None:
        super().__init__()
        self.axis = axis
        self.register_buffer("whole", whole)
        self.register_buffer("scale", scale)
        self.register_buffer("zero", torch.zeros_like(scale, dtype=whole.dtype))

    def forward(self, weight: Tensor | None = None) -> Tensor:
        inputs = (self.whole, self.scale, self.zero)
        return _onnx("DequantizeLinear", inputs, torch.float32, self.whole, axis=self.axis)


def prepare(network: nn.Module, *, limit: int) -> None:
    """Round the products, convolutions and embeddings of a network; ranges are observed first, see :func:`observe`.

    Args:
        limit: largest whole number of a weight: 127, or 64 where sums of products would overflow.
    """
    for layer in _layers(network):
        parametrize.register_parametrization(layer, "weight", Weights(limit))
        if not isinstance(layer, nn.Embedding):
            layer.add_module("input_range", Range())
            layer.register_forward_pre_hook(_round_input)
        if isinstance(layer, nn.Conv2d):
            layer.add_module("output_range", Range())
            layer.register_forward_hook(_round_output)


def observe(network: nn.Module, rows: Iterable[Mapping[str, Tensor]]) -> None:
    """Set the ranges to what these inputs span, and round from now on."""
    _set_mode(network.eval(), "observe")
    with torch.no_grad():
        for row in rows:
            network(**row)
    _set_mode(network, "round")


def to_stored(network: nn.Module) -> None:
    """Turn weights and the biases of convolutions into whole numbers, so that a traced graph holds them as int8.

    The network can be exported to ONNX after that, and neither run nor trained.
    """
    for found in _ranges(network.eval()):
        found.store()
    for layer in _layers(network):
        parametrized = layer.parametrizations["weight"]
        weight, limit = parametrized.original.detach().float(), parametrized[0].limit
        scale = parametrized[0].scale(weight)
        parametrize.remove_parametrizations(layer, "weight")
        if isinstance(layer, nn.Linear):
            _store_product(layer, _whole(weight, scale, limit), scale)
        elif isinstance(layer, nn.Embedding):
            _store_rows(layer, _whole(weight, scale, limit), scale)
        else:
            _store_convolution(layer, weight, scale, limit)


def _whole(weight: Tensor, scale: Tensor, limit: int) -> Tensor:
    steps = scale.reshape(-1, *[1] * (weight.dim() - 1))
    return (weight / steps).round().clamp(-limit, limit).to(torch.int8)


def _store_convolution(layer: Any, weight: Tensor, scale: Tensor, limit: int) -> None:
    if layer.bias is not None:
        bias, given = layer.bias.detach(), layer.input_range.scale
        # Where a channel hardly reads its input, its bias in such small steps would not fit.
        scale = torch.maximum(scale, bias.abs() / (given * LARGEST_BIAS))
        _store(layer, "bias", (bias / (scale * given)).round().to(torch.int32), scale * given)
    _store(layer, "weight", _whole(weight, scale, limit), scale)


def _store_product(layer: Any, whole: Tensor, scale: Tensor) -> None:
    """Runtimes know a product in int8 by its second factor, which must come as it is stored: inputs first."""
    layer.add_module("stored", _Stored(whole.T.contiguous(), scale, axis=1))

    def forward(values: Tensor) -> Tensor:
        product: Tensor = values @ layer.stored()
        return product if layer.bias is None else product + layer.bias

    layer.forward = forward


def _store_rows(layer: Any, whole: Tensor, scale: Tensor) -> None:
    """Only the rows that are looked up become floats."""
    layer.register_buffer("whole", whole)
    layer.register_buffer("scale", scale)

    def forward(numbers: Tensor) -> Tensor:
        rows: Tensor = layer.whole[numbers].float() * layer.scale[numbers].unsqueeze(-1)
        return rows

    layer.forward = forward


def _store(layer: nn.Module, name: str, whole: Tensor, scale: Tensor) -> None:
    parametrize.register_parametrization(layer, name, _Stored(whole, scale), unsafe=True)


def _onnx(name: str, inputs: tuple[Tensor, ...], dtype: torch.dtype, like: Tensor, **attributes: Any) -> Tensor:
    """One operator of ONNX in the traced graph, whose result has the shape of ``like``."""
    return torch.onnx.ops.symbolic(name, inputs, attributes, dtype=dtype, shape=like.shape)


def _round_input(layer: Any, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return (layer.input_range(inputs[0]), *inputs[1:])


def _round_output(layer: Any, inputs: Any, output: Tensor) -> Any:
    return layer.output_range(output)


def _set_mode(network: nn.Module, mode: Mode) -> None:
    """``observe`` widens every range by all that passes, ``round`` rounds to it."""
    for found in _ranges(network):
        found.mode = mode


def _ranges(network: nn.Module) -> list[Range]:
    return [module for module in network.modules() if isinstance(module, Range)]


def _layers(network: nn.Module) -> list[Any]:
    kinds = (nn.Linear, nn.Conv2d, nn.Embedding)
    return [module for module in network.modules() if isinstance(module, kinds)]
