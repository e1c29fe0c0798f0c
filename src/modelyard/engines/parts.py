"""Answers for many rows, part by part, so that a run that was cut off goes on where it was.

Every part is a file that appears whole or not at all; what the parts belong to stands beside them. Knows no model
and no format of the input.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from modelyard.core.errors import InputError
from modelyard.core.progress import progress
from modelyard.core.whole_file import write_whole

ABOUT = "about.json"
ROWS = 1024
"""Rows of one part: what a cut costs at most."""

Row = TypeVar("Row")


def answer_parts(
    answer: Callable[[Sequence[Row]], Sequence[Any]],
    rows: Sequence[Row],
    folder: Path,
    identity: Mapping[str, Any],
    *,
    size: int = ROWS,
) -> Iterator[tuple[int, list[Any]]]:
    """Answers in the order of the rows, each part with the number of its first row.

    Args:
        answer: JSON values for some rows, in their order.
        folder: where parts are kept; made if it is not there, and removed by the caller in the end.
        identity: JSON values that say what the answers depend on.
        size: rows of one part.

    Raises:
        InputError: the folder holds parts of other work.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _claim(folder, {**identity, "rows": len(rows), "size": size})
    with progress("predicting", len(rows)) as bar:
        for start in range(0, len(rows), size):
            path = folder / f"{start:012d}.json"
            part = rows[start : start + size]
            if not path.is_file():
                write_whole(path, json.dumps(list(answer(part)), ensure_ascii=False, allow_nan=False).encode())
            yield start, json.loads(path.read_text(encoding="utf-8"))
            bar.advance(len(part))


def _claim(folder: Path, identity: Mapping[str, Any]) -> None:
    about = folder / ABOUT
    if not about.is_file():
        if any(folder.iterdir()):
            raise InputError(f"{folder} is not empty", fix="name another output, or remove the folder")
        write_whole(about, json.dumps(identity, sort_keys=True).encode())
        return
    found = json.loads(about.read_text(encoding="utf-8"))
    other = [name for name in identity if found.get(name) != json.loads(json.dumps(identity[name]))]
    if other:
        raise InputError(
            f"{folder} holds part of another run: its {', '.join(sorted(other))} differ",
            expected="the same model, input and options as when it was begun",
            fix="name another output, or remove the folder to begin anew",
        )
