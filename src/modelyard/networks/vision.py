"""Image classifiers in Hugging Face layout, ours and those of transformers, by what ``config.json`` says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from modelyard.networks import pretrained


def classes(folder: Path) -> tuple[Any, Any]:
    """The classes that read the configuration and the network of a folder."""
    from transformers import AutoConfig, AutoModelForImageClassification

    from modelyard.networks import efficientnet_lite, keras_graph

    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    if config.get("model_type") == efficientnet_lite.MODEL_TYPE:
        return efficientnet_lite.EfficientNetLiteConfig, efficientnet_lite.EfficientNetLiteForImageClassification
    if config.get("model_type") == keras_graph.MODEL_TYPE:
        return keras_graph.KerasGraphConfig, keras_graph.KerasGraphForImageClassification
    return AutoConfig, AutoModelForImageClassification


def load(folder: Path) -> Any:
    """The network in ``folder``, on the CPU in float32 and in evaluation mode; pruned ones too."""
    return pretrained.load(classes(folder)[1], folder)


def takes_any_size(config: Any) -> bool:
    """Whether images of any size fit: numbered patches, and layers over a flattened map, have places for one size."""
    return not any(hasattr(config, name) for name in ("patch_size", "num_patches", "window_size", "input_shape"))
