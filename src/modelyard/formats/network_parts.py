"""What can be taken out of a network, as far as its files say: whole layers, or channels of convolutions.

Reads ``config.json`` in Hugging Face layout and the ends of names; opens no weights and builds no network.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from modelyard.formats import blueprint

LAYERS = frozenset({"layers"})
"""One stack of equal layers with attention heads and feed-forward parts: a transformer."""
CHANNELS = frozenset({"channels"})
"""Convolutions."""
ANY = LAYERS | CHANNELS
"""Files that do not say it may hold either."""

_COUNTS = ("num_hidden_layers", "num_layers", "n_layer", "n_layers")
_HEADS = ("num_attention_heads", "num_heads", "n_head", "n_heads")
"""Names that Hugging Face configurations give to the number of layers, and of heads."""


def find(path: Path) -> frozenset[str]:
    """The parts of the network in a model's folder, or in a foreign folder or file."""
    if path.suffix in (".pth", ".h5", ".keras") or (path / blueprint.FILE).is_file():
        return CHANNELS
    try:
        config = json.loads((path / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        # What is wrong with it is said by who opens it.
        return ANY
    return ANY if not isinstance(config, dict) else LAYERS if _is_transformer(config) else CHANNELS


def _is_transformer(config: Mapping[str, Any]) -> bool:
    # Networks of several parts have a configuration for each.
    inner = [value for value in config.values() if isinstance(value, dict)]
    # An EfficientNet counts layers too, but has no heads; a Swin has a number of them for each stage.
    counted = all(any(isinstance(config.get(name), int) for name in names) for names in (_COUNTS, _HEADS))
    return counted or any(_is_transformer(part) for part in inner)
