"""What a search has measured so far, on the disk: a line a finished stage, so that a killed search goes on.

The search itself is not stored. It is done again from its seed, and every measurement that stands here is given to it
in place of a new one: so it takes the very way that it would have taken.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

FILE = "measured.jsonl"


class Journal:
    """Answers by key, appended and synced one by one."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._known: dict[str, dict[str, Any]] = {}
        if self._path.exists():
            for line in self._path.read_text(encoding="utf-8").splitlines():
                try:
                    entry = json.loads(line)
                except ValueError:
                    # The line that was being written when the power went.
                    continue
                self._known[entry["key"]] = entry["found"]

    def find(self, key: str) -> dict[str, Any] | None:
        return self._known.get(key)

    def add(self, key: str, found: dict[str, Any]) -> None:
        """Keep an answer; it is on the disk when this returns."""
        self._known[key] = found
        # A torn last line ends here, and is passed over when the file is read.
        text = "\n" + json.dumps({"key": key, "found": found}, allow_nan=False)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
