"""What is done to every value of one column: names, ages, postcodes. Knows no table; values in, values out."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from modelyard.core.errors import InputError
from modelyard.methods import discrete_laplace, generalising, pseudonyms
from modelyard.methods.keyed_draws import KeyedDraws

ColumnStrategy = Literal["redact", "hash", "surrogate", "generalise", "noise"]
NUMERIC: tuple[ColumnStrategy, ...] = ("generalise", "noise")
"""What can be done to numbers, so that they stay numbers."""
KEYED: tuple[ColumnStrategy, ...] = ("hash", "surrogate", "noise")
_FINENESS = 1000
"""Steps of noise in its scale, for numbers that are not whole."""


@dataclass(frozen=True)
class ColumnMask:
    """How a column is masked.

    Attributes:
        strategy: ``redact`` (a mark), ``hash`` (a keyed mark, equal for equal values), ``surrogate`` (other letters
            and digits of the same form), ``generalise`` (the middle of a band of ``width``; of text the first ``keep``
            characters), ``noise`` (discrete Laplace noise of ``scale``; of whole numbers whole).
        width: of the bands that numbers are generalised to.
        keep: characters that generalising leaves of text.
        scale: of the noise, in the unit of the column.
    """

    strategy: ColumnStrategy
    width: float | None = None
    keep: int = 0
    scale: float | None = None

    def check(self, column: str, *, number: bool) -> None:
        """See that the column's values can be masked so.

        Raises:
            InputError: they cannot.
        """
        where = f"columns: {column}"
        if number and self.strategy not in NUMERIC:
            raise InputError(
                f"{where} holds numbers: {self.strategy!r} would make text of them",
                expected="generalise or noise",
                fix=f"{column}: {{strategy: generalise, width: 10}}, or load it as text with categorical: [{column}]",
            )
        if not number and self.strategy == "noise":
            raise InputError(
                f"{where} holds text: no noise can be added", expected="redact, hash, surrogate, generalise"
            )
        if number and self.strategy == "generalise" and not (self.width and self.width > 0):
            raise InputError(f"{where}: no width", expected="a number above 0", fix="{strategy: generalise, width: 10}")
        if self.strategy == "noise" and not (self.scale and self.scale > 0):
            raise InputError(f"{where}: no scale", expected="a number above 0", fix="{strategy: noise, scale: 2}")
        if self.keep < 0:
            raise InputError(f"{where}: keep: {self.keep}", expected="a whole number, 0 or more")


def mask_number(value: float, column: str, how: ColumnMask, key: bytes, row: str) -> float:
    """The number masked.

    Args:
        key: what the noise is drawn from.
        row: the whole row as text: equal rows get equal noise, others noise of their own.
    """
    if how.strategy == "generalise":
        return generalising.band(value, how.width or 1.0)
    scale = Fraction(how.scale or 1.0)
    grain = Fraction(1) if float(value).is_integer() else scale / _FINENESS
    noise = discrete_laplace.draw(scale / grain, KeyedDraws(key, "noise", column, row).below)
    return float(value + float(noise * grain))


def mask_text(value: str, column: str, how: ColumnMask, key: bytes, allow: Collection[str] = ()) -> str:
    """The text masked; what is allowed stays, in whatever case."""
    if value.strip().casefold() in allow:
        return value
    if how.strategy == "hash":
        return pseudonyms.mark(key, column, value)
    if how.strategy == "surrogate":
        return pseudonyms.similar(KeyedDraws(key, "column", column, value), value)
    if how.strategy == "generalise":
        return generalising.beginning(value, how.keep)
    return f"[{column.upper()}]"
