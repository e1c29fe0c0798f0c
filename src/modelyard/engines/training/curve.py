"""The course of a training, kept beside the model that came of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

CURVE = "training.json"


def write_curve(out: Path, curve: Mapping[str, Any]) -> None:
    """Write what :func:`modelyard.engines.training.train` gave into a model's folder."""
    (out / CURVE).write_text(json.dumps(curve, indent=1, allow_nan=False) + "\n", encoding="utf-8")
