"""Where things are kept that can be had again: fetched files, and what was measured of this machine."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """``MODELYARD_CACHE``, or ``~/.cache/modelyard``."""
    return Path(os.environ.get("MODELYARD_CACHE") or Path.home() / ".cache" / "modelyard")
