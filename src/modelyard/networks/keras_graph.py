"""A Keras 3 network in torch: the same layers, the same answers, and it can be trained further.

Behaves as a Hugging Face network: ``config.json`` and ``model.safetensors`` in a folder. Images come with channels
first, as torch has them; where the order of numbers matters (flattening, dense layers on maps) it is Keras' order,
channels last. Knows no files of Keras: it is given layers and weights as data.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional
from transformers import PretrainedConfig, PreTrainedModel
from transformers.modeling_outputs import ImageClassifierOutputWithNoAttention

MODEL_TYPE = "keras_graph"
_PROBABILITIES = ("softmax", "sigmoid")


class KerasGraphConfig(PretrainedConfig):
    """The layers in running order: ``name``, ``kind``, ``options``, ``inputs``, and ``shapes`` of the weights."""

    model_type = MODEL_TYPE

    def __init__(
        self,
        layers: Sequence[Mapping[str, Any]] = (),
        input_name: str = "pixel_values",
        input_shape: Sequence[int] = (),
        **rest: Any,
    ) -> None:
        self.layers = [dict(layer) for layer in layers]
        self.input_name = input_name
        self.input_shape = list(input_shape)
        super().__init__(**rest)

    @property
    def is_binary(self) -> bool:
        """One output with a sigmoid, for two classes."""
        last = self.layers[-1]
        units = last.get("shapes", {}).get("kernel", [0])[0]
        return last["options"].get("activation") == "sigmoid" and units == 1 and self.num_labels == 2


class KerasGraphForImageClassification(PreTrainedModel):
    """Scores before the final softmax or sigmoid, which the task applies itself. The last layer is the head."""

    config_class = KerasGraphConfig
    base_model_prefix = "graph"
    main_input_name = "pixel_values"

    def __init__(self, config: KerasGraphConfig) -> None:
        super().__init__(config)
        # Numbered: the names of Keras' layers may hold dots and slashes.
        modules = [_Layer(layer, config) for layer in config.layers]
        self.graph = nn.ModuleList(modules[:-1])
        self.classifier = modules[-1]
        self.post_init()  # type: ignore[no-untyped-call]

    def _init_weights(self, module: Any) -> None:
        """Layers draw their own weights when they are made."""

    def forward(self, **arrays: torch.Tensor) -> ImageClassifierOutputWithNoAttention:
        """Maps (rows, channels, height, width), or (rows, features), to ``logits`` of shape (rows, classes)."""
        values: dict[str, torch.Tensor] = {}
        for module, layer in zip([*self.graph, self.classifier], self.config.layers, strict=True):
            taken = [values[name] for name in layer["inputs"]] or [self._input(arrays[self.config.input_name])]
            values[layer["name"]] = module(taken)
        logits = values[self.config.layers[-1]["name"]]
        if self.config.is_binary:
            # Softmax over (0, z) is the sigmoid of z.
            logits = torch.cat([torch.zeros_like(logits), logits], dim=-1)
        return ImageClassifierOutputWithNoAttention(logits=logits)

    def _input(self, values: torch.Tensor) -> torch.Tensor:
        """Grey images come as three equal channels where images of any kind do."""
        shape = self.config.input_shape
        grey = len(shape) == 3 and shape[2] == 1 and values.shape[1] != 1
        return values.mean(dim=1, keepdim=True) if grey else values

    def try_out(self) -> None:
        """Run one row of zeros.

        Raises:
            RuntimeError, ValueError: the shapes of the layers do not fit together.
        """
        shape = self.config.input_shape
        if len(shape) == 3:
            shape = [shape[2], *shape[:2]]
        self.train(False)
        with torch.no_grad():
            self(**{self.config.input_name: torch.zeros(1, *shape)})

    def load_keras(self, weights: Mapping[str, Mapping[str, np.ndarray]]) -> None:
        """Take the weights of each layer by Keras' names, in Keras' layout.

        Raises:
            ValueError: their shapes are not those of the layers.
        """
        for module, layer in zip([*self.graph, self.classifier], self.config.layers, strict=True):
            if layer["name"] in weights:
                module.load(weights[layer["name"]])


class _Layer(nn.Module):
    """One layer: Keras' variables as parameters, in torch's layout."""

    def __init__(self, layer: Mapping[str, Any], config: KerasGraphConfig) -> None:
        super().__init__()
        self.kind, self.options = layer["kind"], layer["options"]
        self.shapes = dict(layer.get("shapes", {}))
        activation = self.options.get("activation") or "linear"
        if layer["name"] == config.layers[-1]["name"]:
            activation = "linear" if activation in _PROBABILITIES else activation
            if self.kind == "Dense" and not config.is_binary:
                self.shapes |= {name: [config.num_labels, *shape[1:]] for name, shape in self.shapes.items()}
        self.activation = _ACTIVATIONS[activation]
        for name, shape in self.shapes.items():
            value = torch.zeros(shape) if name in ("bias", "beta", "moving_mean") else torch.ones(shape)
            if name == "kernel":
                nn.init.xavier_uniform_(value)
            if name.startswith("moving"):
                self.register_buffer(name, value)
            else:
                self.register_parameter(name, nn.Parameter(value))

    def load(self, weights: Mapping[str, np.ndarray]) -> None:
        for name, value in weights.items():
            target = getattr(self, name)
            source = torch.from_numpy(np.ascontiguousarray(to_torch(self.kind, name, value)))
            if source.shape != target.shape:
                raise ValueError(f"{name} has the shape {tuple(source.shape)}, not {tuple(target.shape)}")
            target.data.copy_(source)

    def weight(self, name: str) -> Any:
        return getattr(self, name) if name in self.shapes else None

    def forward(self, inputs: list[torch.Tensor]) -> torch.Tensor:
        return self.activation(_KINDS[self.kind](self, inputs))


def to_torch(kind: str, name: str, value: np.ndarray) -> np.ndarray:
    """A variable of Keras in torch's layout: kernels lead with their outputs, (out, in, height, width)."""
    if name != "kernel":
        return value
    if kind == "Dense":
        return value.T
    if kind == "Conv2D":
        return value.transpose(3, 2, 0, 1)
    # Depthwise: (height, width, channels, multiplier) to (channels · multiplier, 1, height, width).
    height, width, channels, multiplier = value.shape
    return value.transpose(2, 3, 0, 1).reshape(channels * multiplier, 1, height, width)


def with_shapes(layer: Mapping[str, Any], weights: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """The layer with the shapes of its parameters, which a config needs to make it again."""
    shapes = {name: list(to_torch(layer["kind"], name, value).shape) for name, value in weights.items()}
    return {**layer, "shapes": shapes} if shapes else dict(layer)


def config_of(layers: Sequence[Mapping[str, Any]], input_shape: Sequence[int]) -> KerasGraphConfig:
    """A configuration whose number of classes is that of the last layer."""
    last = layers[-1]
    units = int(last.get("shapes", {}).get("kernel", [1])[0])
    binary = units == 1 and last["options"].get("activation") == "sigmoid"
    name = "pixel_values" if len(input_shape) == 3 else "features"
    config = KerasGraphConfig(layers, input_name=name, input_shape=input_shape, num_labels=2 if binary else units)
    config.architectures = [KerasGraphForImageClassification.__name__]
    if len(input_shape) == 3:
        config.image_size, config.num_channels = list(input_shape[:2]), input_shape[2]
    return config


def _last(values: torch.Tensor) -> torch.Tensor:
    """Channels last, as Keras has them."""
    return values.permute(0, 2, 3, 1) if values.dim() == 4 else values


def _first(values: torch.Tensor) -> torch.Tensor:
    return values.permute(0, 3, 1, 2) if values.dim() == 4 else values


def _channel_axis(axis: Any, values: torch.Tensor) -> int:
    """An axis that Keras counts with channels last, as torch counts it here."""
    (axis,) = axis if isinstance(axis, list) else (axis,)
    axis = int(axis) % values.dim()
    return {0: 0, 1: 2, 2: 3, 3: 1}[axis] if values.dim() == 4 else axis


def _pair(value: Any) -> tuple[int, int]:
    first, second = (value, value) if isinstance(value, int) else value
    return int(first), int(second)


def _pad_same(values: torch.Tensor, kernel: Any, stride: Any, dilation: Any, fill: float) -> torch.Tensor:
    """As TensorFlow pads: the output has ceil(size / stride) places, and the odd one goes right and below."""
    edges: list[int] = []
    for axis in (1, 0):
        size, step = int(values.shape[2 + axis]), _pair(stride)[axis]
        reach = (_pair(kernel)[axis] - 1) * _pair(dilation)[axis] + 1
        total = max((math.ceil(size / step) - 1) * step + reach - size, 0)
        edges += [total // 2, total - total // 2]
    return functional.pad(values, edges, value=fill) if any(edges) else values


def _dense(layer: _Layer, inputs: list[torch.Tensor]) -> torch.Tensor:
    return _first(functional.linear(_last(inputs[0]), layer.weight("kernel"), layer.weight("bias")))


def _convolution(layer: _Layer, inputs: list[torch.Tensor]) -> torch.Tensor:
    values, options = inputs[0], layer.options
    stride, dilation = _pair(options.get("strides", 1)), _pair(options.get("dilation_rate", 1))
    if options.get("padding", "valid") == "same":
        values = _pad_same(values, options["kernel_size"], stride, dilation, 0.0)
    groups = values.shape[1] if layer.kind == "DepthwiseConv2D" else int(options.get("groups", 1))
    return functional.conv2d(
        values, layer.weight("kernel"), layer.weight("bias"), stride=stride, dilation=dilation, groups=groups
    )


def _pooling(layer: _Layer, inputs: list[torch.Tensor]) -> torch.Tensor:
    values, size = inputs[0], _pair(layer.options["pool_size"])
    stride = _pair(layer.options.get("strides") or size)
    same = layer.options.get("padding", "valid") == "same"
    if layer.kind == "MaxPooling2D":
        padded = _pad_same(values, size, stride, 1, -math.inf) if same else values
        return functional.max_pool2d(padded, size, stride)
    if not same:
        return functional.avg_pool2d(values, size, stride)
    # Places outside the image do not count.
    counted = _pad_same(torch.ones_like(values[:1, :1]), size, stride, 1, 0.0)
    sums = functional.avg_pool2d(_pad_same(values, size, stride, 1, 0.0), size, stride)
    return sums / functional.avg_pool2d(counted, size, stride)


def _global_pooling(layer: _Layer, inputs: list[torch.Tensor]) -> torch.Tensor:
    keep = bool(layer.options.get("keepdims", False))
    if layer.kind == "GlobalMaxPooling2D":
        return inputs[0].amax(dim=(2, 3), keepdim=keep)
    return inputs[0].mean(dim=(2, 3), keepdim=keep)


def _zero_padding(layer: _Layer, inputs: list[torch.Tensor]) -> torch.Tensor:
    (top, bottom), (left, right) = (_pair(side) for side in layer.options["padding"])
    return functional.pad(inputs[0], (left, right, top, bottom))


def _flatten(layer: _Layer, inputs: list[torch.Tensor]) -> torch.Tensor:
    return _last(inputs[0]).flatten(1)


def _reshape(layer: _Layer, inputs: list[torch.Tensor]) -> torch.Tensor:
    values = _last(inputs[0])
    return _first(values.reshape(values.shape[0], *layer.options["target_shape"]))


def _batch_normalization(layer: _Layer, inputs: list[torch.Tensor]) -> torch.Tensor:
    if _channel_axis(layer.options.get("axis", -1), inputs[0]) != 1:
        raise ValueError("batch normalization along another axis than the last")
    return functional.batch_norm(
        inputs[0],
        layer.weight("moving_mean"),
        layer.weight("moving_variance"),
        layer.weight("gamma"),
        layer.weight("beta"),
        training=layer.training,
        momentum=1 - float(layer.options.get("momentum", 0.99)),
        eps=float(layer.options.get("epsilon", 1e-3)),
    )


def _layer_normalization(layer: _Layer, inputs: list[torch.Tensor]) -> torch.Tensor:
    values = _last(inputs[0])
    shape, epsilon = values.shape[-1:], float(layer.options.get("epsilon", 1e-3))
    return _first(functional.layer_norm(values, shape, layer.weight("gamma"), layer.weight("beta"), epsilon))


def _dropout(layer: _Layer, inputs: list[torch.Tensor]) -> torch.Tensor:
    drop = functional.dropout2d if layer.kind == "SpatialDropout2D" else functional.dropout
    return drop(inputs[0], float(layer.options["rate"]), training=layer.training)


def _relu(layer: _Layer, inputs: list[torch.Tensor]) -> torch.Tensor:
    slope, most = float(layer.options.get("negative_slope") or 0), layer.options.get("max_value")
    threshold = float(layer.options.get("threshold") or 0)
    values = inputs[0]
    below = slope * (values - threshold)
    passed = torch.where(values >= threshold, values, below)
    return passed if most is None else passed.clamp(max=float(most))


def _softmax(layer: _Layer, inputs: list[torch.Tensor]) -> torch.Tensor:
    return torch.softmax(inputs[0], dim=_channel_axis(layer.options.get("axis", -1), inputs[0]))


def _rescaling(layer: _Layer, inputs: list[torch.Tensor]) -> torch.Tensor:
    # One number, or one for each channel.
    scale, offset = (torch.as_tensor(layer.options.get(name, 0.0)).flatten() for name in ("scale", "offset"))
    return _first(_last(inputs[0]) * scale.to(inputs[0]) + offset.to(inputs[0]))


def _add(layer: _Layer, inputs: list[torch.Tensor]) -> torch.Tensor:
    return reduce(torch.add, inputs)


def _multiply(layer: _Layer, inputs: list[torch.Tensor]) -> torch.Tensor:
    return reduce(torch.mul, inputs)


def _concatenate(layer: _Layer, inputs: list[torch.Tensor]) -> torch.Tensor:
    return torch.cat(inputs, dim=_channel_axis(layer.options.get("axis", -1), inputs[0]))


_KINDS: Mapping[str, Callable[[_Layer, list[torch.Tensor]], torch.Tensor]] = {
    "InputLayer": lambda layer, inputs: inputs[0],
    "Activation": lambda layer, inputs: inputs[0],
    "Dense": _dense,
    "Conv2D": _convolution,
    "DepthwiseConv2D": _convolution,
    "MaxPooling2D": _pooling,
    "AveragePooling2D": _pooling,
    "GlobalAveragePooling2D": _global_pooling,
    "GlobalMaxPooling2D": _global_pooling,
    "ZeroPadding2D": _zero_padding,
    "Flatten": _flatten,
    "Reshape": _reshape,
    "BatchNormalization": _batch_normalization,
    "LayerNormalization": _layer_normalization,
    "Dropout": _dropout,
    "SpatialDropout2D": _dropout,
    "ReLU": _relu,
    "LeakyReLU": lambda layer, inputs: functional.leaky_relu(inputs[0], float(layer.options["negative_slope"])),
    "Softmax": _softmax,
    "Rescaling": _rescaling,
    "Add": _add,
    "Multiply": _multiply,
    "Concatenate": _concatenate,
}

_ACTIVATIONS: Mapping[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "linear": lambda values: values,
    "relu": functional.relu,
    "relu6": functional.relu6,
    "sigmoid": torch.sigmoid,
    "hard_sigmoid": functional.hardsigmoid,
    "tanh": torch.tanh,
    "softmax": lambda values: torch.softmax(values, dim=_channel_axis(-1, values)),
    "softplus": functional.softplus,
    "elu": functional.elu,
    "selu": functional.selu,
    "gelu": functional.gelu,
    "silu": functional.silu,
    "swish": functional.silu,
    "leaky_relu": lambda values: functional.leaky_relu(values, 0.2),
    "exponential": torch.exp,
}
