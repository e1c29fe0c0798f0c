"""The layers of a Keras 3 model, read from its JSON as data: no layer is made, no module imported.

A config names classes and modules, and ``Lambda`` layers carry code. Only layers of Keras itself that are on the list
below pass; everything else is refused before anything acts on it. Knows no weights and no torch.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from modelyard.core.errors import InputError, suggestion

OPTIONS: Mapping[str, tuple[str, ...]] = {
    "InputLayer": ("batch_shape",),
    "Dense": ("units", "activation", "use_bias"),
    "Conv2D": (
        *("filters", "kernel_size", "strides", "padding", "data_format", "dilation_rate"),
        *("groups", "activation", "use_bias"),
    ),
    "DepthwiseConv2D": (
        *("kernel_size", "strides", "padding", "data_format", "dilation_rate"),
        *("depth_multiplier", "activation", "use_bias"),
    ),
    "MaxPooling2D": ("pool_size", "strides", "padding", "data_format"),
    "AveragePooling2D": ("pool_size", "strides", "padding", "data_format"),
    "GlobalAveragePooling2D": ("data_format", "keepdims"),
    "GlobalMaxPooling2D": ("data_format", "keepdims"),
    "ZeroPadding2D": ("padding", "data_format"),
    "Flatten": ("data_format",),
    "Reshape": ("target_shape",),
    "BatchNormalization": ("axis", "epsilon", "momentum", "center", "scale"),
    "LayerNormalization": ("axis", "epsilon", "center", "scale"),
    "Dropout": ("rate",),
    "SpatialDropout2D": ("rate", "data_format"),
    "Activation": ("activation",),
    "ReLU": ("max_value", "negative_slope", "threshold"),
    "LeakyReLU": ("negative_slope",),
    "Softmax": ("axis",),
    "Rescaling": ("scale", "offset"),
    "Add": (),
    "Multiply": (),
    "Concatenate": ("axis",),
}
"""Layer → what of its config matters when it runs."""
ACTIVATIONS = frozenset(
    {"linear", "relu", "relu6", "sigmoid", "hard_sigmoid", "tanh", "softmax", "softplus", "elu", "selu", "gelu"}
    | {"silu", "swish", "leaky_relu", "exponential"}
)
MODELS = ("Sequential", "Functional", "Model")
DEEPEST = 8
"""Models inside models."""


@dataclass(frozen=True)
class Layer:
    """One layer.

    Attributes:
        name: names of models around it and its own, separated by ``/``: unique.
        kind: its class in Keras.
        options: JSON values.
        inputs: names of the layers whose outputs it takes.
    """

    name: str
    kind: str
    options: Mapping[str, Any]
    inputs: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name, "kind": self.kind, "options": dict(self.options), "inputs": list(self.inputs)}


@dataclass(frozen=True)
class Graph:
    """Layers in an order in which they can run: one input, and the output last.

    Attributes:
        places: layer → where its weights lie in a ``.keras`` file, such as ``layers/dense_1``.
    """

    layers: tuple[Layer, ...]
    places: Mapping[str, str]

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one row: (features,) or (height, width, channels)."""
        return tuple(self.layers[0].options["batch_shape"][1:])


def read(config: Any) -> Graph:
    """The layers of a parsed ``config.json`` (or ``model_config`` of an HDF5 file).

    Raises:
        InputError: a Lambda or foreign layer, a layer or form of model that is not known, or damaged JSON.
    """
    _refuse_code(config)
    try:
        layers, output, places = _read_model(config, "", "layers", None, 0)
        found = Graph(_fold_head(_in_order(layers), output), places)
        inputs = [layer for layer in found.layers if layer.kind == "InputLayer"]
        if len(inputs) != 1 or found.layers[0] is not inputs[0]:
            raise InputError(f"the model has {len(inputs)} inputs", expected="one")
        if not all(isinstance(size, int) and size > 0 for size in found.input_shape):
            raise InputError(f"its input has the shape {found.input_shape}", expected="a fixed size")
    except (KeyError, TypeError, IndexError, AttributeError, ValueError, RecursionError) as error:
        raise InputError(
            f"the model's config cannot be read: {type(error).__name__}", expected="what Keras 3 writes"
        ) from error
    return found


def _refuse_code(config: Any) -> None:
    """Walk all of the JSON: whatever names a class must name one of Keras, and no Lambda."""
    waiting, seen = [config], 0
    while waiting:
        item = waiting.pop()
        seen += 1
        if isinstance(item, list):
            waiting += item
        elif isinstance(item, dict):
            waiting += item.values()
            kind, module = str(item.get("class_name", "")), item.get("module")
            if kind in ("Lambda", "__lambda__", "function") or item.get("registered_name") in ("Lambda",):
                raise InputError(
                    f"the model holds code: {kind}",
                    expected="a model without Lambda layers and functions",
                    fix="write it as layers of Keras and save the model again; code in a model is never run",
                )
            if module is not None and not (
                isinstance(module, str) and (module == "keras" or module.startswith("keras."))
            ):
                raise InputError(
                    f"the model names a foreign module: {str(module)[:80]!r} for {kind[:80]!r}",
                    expected="layers of Keras alone",
                    fix="replace that layer by layers of Keras; foreign modules are never imported",
                )


_Read = tuple[list[Layer], str, dict[str, str]]


def _read_model(config: Mapping[str, Any], prefix: str, place: str, feed: tuple[str, ...] | None, depth: int) -> _Read:
    """Layers of one model; ``feed`` is what flows into it where it stands inside another."""
    if depth > DEEPEST:
        raise InputError(f"models inside models, {depth} deep", expected=f"{DEEPEST} at most")
    if config["class_name"] not in MODELS:
        raise InputError(
            f"a model of the class {str(config['class_name'])[:80]!r}",
            expected="a Sequential or Functional model: the layers of others stand in Python code only",
            fix="export it to ONNX where its code is at hand, and load that",
        )
    body = config["config"]
    sequential = config["class_name"] == "Sequential"
    layers: list[Layer] = []
    places: dict[str, str] = {}
    ends: dict[str, str] = {}
    previous = feed
    entries = list(body["layers"])
    for entry, own in zip(entries, _places(entries, place), strict=True):
        name = str(entry["config"]["name"])
        full = prefix + name
        inputs = (previous or ()) if sequential else tuple(ends[item] for item in _inbound(entry))
        if entry["class_name"] in MODELS:
            inner, end, inner_places = _read_model(entry, f"{full}/", f"{own}/layers", inputs, depth + 1)
            layers += inner
            places |= inner_places
        elif entry["class_name"] == "InputLayer" and feed is not None:
            end = feed[0]
        else:
            layers.append(_layer(entry, full, inputs))
            places[full], end = own, full
        ends[name] = end
        previous = (end,)
    output = ends[_only_output(body)] if not sequential else (previous or ("",))[0]
    return layers, output, places


def _layer(entry: Mapping[str, Any], full: str, inputs: tuple[str, ...]) -> Layer:
    kind, config = str(entry["class_name"]), entry["config"]
    if kind not in OPTIONS:
        raise InputError(
            f"the layer {full!r} is a {kind[:80]}, which cannot be taken over", fix=suggestion(kind, OPTIONS)
        )
    options = {name: config[name] for name in OPTIONS[kind] if name in config}
    activation = options.get("activation", "linear") or "linear"
    if not isinstance(activation, str) or activation not in ACTIVATIONS:
        raise InputError(
            f"the layer {full!r} has the activation {str(activation)[:80]!r}", expected=", ".join(sorted(ACTIVATIONS))
        )
    if options.get("data_format", "channels_last") != "channels_last":
        raise InputError(f"the layer {full!r} has channels first", expected="channels_last, as Keras has it by default")
    return Layer(full, kind, options, inputs)


def _inbound(entry: Mapping[str, Any]) -> list[str]:
    """Names of the layers before it."""
    nodes = entry.get("inbound_nodes", [])
    if not nodes:
        return []
    if len(nodes) > 1:
        raise InputError(f"the layer {entry['config']['name']!r} is used twice", expected="layers that are used once")
    return list(_histories(nodes[0]["args"] if isinstance(nodes[0], Mapping) else nodes[0]))


def _histories(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        if value.get("class_name") == "__keras_tensor__":
            yield str(value["config"]["keras_history"][0])
    elif isinstance(value, list) and len(value) >= 3 and isinstance(value[0], str):
        # As Keras 2 wrote it: [name, node, tensor, arguments].
        yield value[0]
    elif isinstance(value, list):
        for item in value:
            yield from _histories(item)


def _only_output(body: Mapping[str, Any]) -> str:
    outputs = body["output_layers"]
    if isinstance(outputs[0], str):
        return str(outputs[0])
    if len(outputs) != 1:
        raise InputError(f"the model has {len(outputs)} outputs", expected="one")
    return str(outputs[0][0])


def _places(entries: Sequence[Mapping[str, Any]], place: str) -> list[str]:
    """Keras names weights after the class, in snake case, with a number from the second one on."""
    counts: dict[str, int] = {}
    found = []
    for entry in entries:
        name = _snake_case(str(entry["class_name"]))
        number = counts.get(name, 0)
        counts[name] = number + 1
        found.append(f"{place}/{name}_{number}" if number else f"{place}/{name}")
    return found


def _snake_case(name: str) -> str:
    return re.sub(r"(?<=.)(?=[A-Z][a-z])|(?<=[a-z])(?=[A-Z])", "_", name).lower()


def _in_order(layers: Sequence[Layer]) -> tuple[Layer, ...]:
    """Inputs before what takes them."""
    known: set[str] = set()
    waiting, ordered = list(layers), []
    while waiting:
        ready = [layer for layer in waiting if known.issuperset(layer.inputs)]
        if not ready:
            raise InputError("the layers of the model go round in a circle", expected="an order to run them in")
        ordered += ready
        known |= {layer.name for layer in ready}
        waiting = [layer for layer in waiting if layer.name not in known]
    return tuple(ordered)


def _fold_head(layers: Sequence[Layer], output: str) -> tuple[Layer, ...]:
    """The output last; a softmax or sigmoid that is a layer of its own goes into the dense one before it."""
    by_name = {layer.name: layer for layer in layers}
    last, others = by_name[output], [layer for layer in layers if layer.name != output]
    activation = "softmax" if last.kind == "Softmax" else last.options.get("activation")
    if last.kind in ("Softmax", "Activation") and activation in ("softmax", "sigmoid"):
        head = by_name[last.inputs[0]]
        if head.kind == "Dense" and head.options.get("activation", "linear") == "linear":
            last = replace(head, options={**head.options, "activation": activation})
            others = [layer for layer in others if layer.name != head.name]
    if any(last.name in layer.inputs for layer in others):
        raise InputError("another layer takes the output of the model", expected="an output that nothing else takes")
    return (*others, last)
