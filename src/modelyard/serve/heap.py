"""What the C library keeps of memory that is free: it goes back to the system here, at once or when it is told to.

For glibc; another C library has no such calls, or takes no notice. Knows no model and no request.
"""

from __future__ import annotations

import ctypes
import sys
from typing import Any

_LARGE = 128 * 1024
_MALLOC = {-8: 1, -3: _LARGE, -1: _LARGE}
"""``M_ARENA_MAX``, ``M_MMAP_THRESHOLD`` and ``M_TRIM_THRESHOLD`` of ``malloc.h``, the latter two as it begins with."""


def keep_little() -> None:
    """One heap for all threads, and nothing large that is free.

    Otherwise each thread gets a heap of its own, up to eight a core, and once something large was let go there is room
    kept for more of that size. A server's threads do little, and seldom, but a window of rows is large: memory would
    grow by megabytes for hours after the start.
    """
    set_option = _function("mallopt")
    if set_option is not None:
        for parameter, value in _MALLOC.items():
            set_option(parameter, value)


def give_back() -> None:
    """What is free now, between what is used too: a model that was closed leaves its room behind."""
    trim = _function("malloc_trim")
    if trim is not None:
        trim(0)


def _function(name: str) -> Any:
    return getattr(ctypes.CDLL(None), name, None) if sys.platform == "linux" else None
