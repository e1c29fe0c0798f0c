"""Marks for tests of optional packages; nothing is imported until such a test runs."""

from __future__ import annotations

from importlib.util import find_spec

import pytest


def needs(package: str, extra: str) -> pytest.MarkDecorator:
    """Skips the tests where the package is not there."""
    return pytest.mark.skipif(find_spec(package) is None, reason=f"the extra {extra!r} is not installed")
