"""``sklearn:breast_cancer``: the small tables that come with scikit-learn, written as CSV.

Nothing is fetched over a network. The same scikit-learn gives the same bytes; a lock pins them.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from modelyard.core.cache_folder import cache_folder
from modelyard.core.errors import InputError, IntegrityError, MissingExtraError, suggestion
from modelyard.core.source import Source
from modelyard.sources.cache import once
from modelyard.sources.local import digest

TABLES = ("breast_cancer", "diabetes", "digits", "iris", "wine")
TARGET = "target"
"""Column of the class name, or of the number to predict (diabetes); it is the last one."""


def fetch(reference: str, pins: Mapping[str, Any]) -> Source:
    """One of the tables as a CSV file.

    Args:
        reference: ``sklearn:name``.
        pins: ``{"file": "sha256:…"}``, or nothing.

    Raises:
        InputError: there is no such table.
        IntegrityError: the table is another one than was pinned.
        MissingExtraError: scikit-learn is not installed.
    """
    name = reference.partition(":")[2]
    if name not in TABLES:
        raise InputError(f"no table {name!r} in scikit-learn", fix=suggestion(name, TABLES), where=reference)
    try:
        from sklearn import __version__
    except ImportError:
        raise MissingExtraError("scikit-learn", "sklearn") from None
    folder = once(cache_folder() / "sklearn" / __version__ / name, partial(_write, name))
    path = folder / f"{name}.csv"
    found = digest(path)
    if pins.get("file", found) != found:
        raise IntegrityError(
            f"digest_mismatch: {name} of scikit-learn {__version__} is {found}",
            expected=f"{pins['file']}, as pinned",
            fix="install the scikit-learn that it was pinned with, or build again without --locked",
            where=reference,
        )
    return Source(reference, path, found, {"file": found})


def _write(name: str, folder: Path) -> None:
    from sklearn import datasets

    # In their own units: scaling is fitted on the training rows, and travels with the model.
    given = {"scaled": False} if name == "diabetes" else {}
    found = getattr(datasets, f"load_{name}")(**given)
    names = getattr(found, "target_names", None)
    with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*found.feature_names, TARGET])
        for row, target in zip(found.data.tolist(), found.target.tolist(), strict=True):
            writer.writerow([*map(_spell, row), _spell(target) if names is None else names[target]])


def _spell(number: float) -> str:
    return str(int(number)) if float(number).is_integer() else repr(float(number))
