"""Folders that fetched files are kept in, filled atomically by any number of processes at once.

Everything in it can be fetched again: it may be deleted at any time that no build runs.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path


def once(folder: Path, fill: Callable[[Path], None]) -> Path:
    """Return ``folder``, made by ``fill`` if it is not there yet.

    ``fill`` gets an empty folder beside it, which is renamed into place when it is complete: nobody
    ever sees half of it. Of two processes that fill it at the same time, the first one wins.
    """
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=".staging-", dir=folder.parent))
    try:
        fill(staging)
        os.rename(staging, folder)
    except OSError:
        if not folder.is_dir():
            raise
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return folder
