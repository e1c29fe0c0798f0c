"""A budget of differential privacy in a file: what was spent on some data, and what is left.

Epsilons add up (basic composition). The budget belongs to the files that the data came from, so that masking or
splitting them anew gives no new one. What is asked for is written down, on the disk, before any noise is drawn.
Knows no statistic.
"""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from modelyard.core.artifact import canonical_json, hash_bytes
from modelyard.core.dataset import Dataset
from modelyard.core.errors import InputError
from modelyard.core.whole_file import write_whole

_KIND = {"modelyard": "privacy budget", "format": 1}


@dataclass(frozen=True)
class Spending:
    """What is spent after a question was paid for."""

    total: Fraction
    spent: Fraction

    @property
    def left(self) -> Fraction:
        return self.total - self.spent


def identity(data: Dataset) -> str:
    """A digest of the files that the data came from; of the data themselves where they do not say."""
    sources = data.profile.get("sources")
    return (
        hash_bytes(canonical_json(sorted(source["digest"] for source in sources.values()))) if sources else data.digest
    )


def exact(epsilon: float) -> Fraction:
    """The epsilon as it was written: ten times 0.1 is 1."""
    return Fraction(str(epsilon))


def spend(file: Path, data: Dataset, epsilon: float, what: str, *, total: float | None) -> Spending:
    """Pay for one question, or refuse it.

    Args:
        file: the budget; made if it is not there.
        what: the question, for people who read the file.
        total: epsilon of all questions together; needed for a new file, and the same ever after.

    Raises:
        InputError: the budget does not suffice, belongs to other data, or cannot be read; nothing was spent.
    """
    with _locked(file):
        book = _read(file) if file.exists() else _new(file, data, total)
        if book["data"] != identity(data):
            raise InputError("this budget belongs to other data", fix="name a file of its own", where=str(file))
        whole, spent = Fraction(book["total"]), sum((Fraction(item["epsilon"]) for item in book["spent"]), Fraction(0))
        if total is not None and exact(total) != whole:
            raise InputError(
                f"total: {total:g}, but the budget is {float(whole):g}",
                expected="the total that the budget began with: raising it later would break the promise",
                where=str(file),
            )
        if spent + exact(epsilon) > whole:
            raise InputError(
                f"the privacy budget does not suffice: {epsilon:g} asked for, {float(whole - spent):g} "
                f"of {float(whole):g} left",
                expected="a smaller epsilon, or an answer that was given before: asking the same again costs nothing",
                where=str(file),
            )
        book["spent"].append({"epsilon": str(exact(epsilon)), "what": what})
        try:
            write_whole(file, json.dumps(book, indent=1, ensure_ascii=False).encode() + b"\n")
        except OSError as error:
            raise InputError(f"the budget cannot be written: {error.strerror}", where=str(file)) from None
    return Spending(whole, spent + exact(epsilon))


def _new(file: Path, data: Dataset, total: float | None) -> dict[str, Any]:
    if total is None:
        raise InputError(
            "there is no privacy budget yet",
            expected="total: the epsilon of all questions together",
            fix="give total the first time; 1 is cautious, above 10 promises little",
            where=str(file),
        )
    return {**_KIND, "data": identity(data), "total": str(exact(total)), "spent": []}


def _read(file: Path) -> dict[str, Any]:
    try:
        book = json.loads(file.read_text(encoding="utf-8"))
        sums = [Fraction(book["total"]), *(Fraction(item["epsilon"]) for item in book["spent"])]
        if (
            any(book[key] != value for key, value in _KIND.items())
            or min(sums) <= 0
            or not isinstance(book["data"], str)
        ):
            raise ValueError
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ZeroDivisionError):
        raise InputError(
            "this is no privacy budget",
            expected="a file that aggregate wrote",
            fix="restore it from a backup; a new one would forget what was spent",
            where=str(file),
        ) from None
    return dict(book)


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    """One spender at a time, in this process or another."""
    try:
        with file.with_name(f".{file.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
    except OSError as error:
        raise InputError(f"the budget cannot be locked: {error.strerror}", where=str(file)) from None
