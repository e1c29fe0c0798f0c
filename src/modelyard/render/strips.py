"""Draws a running text whose words stand on grounds: the stronger the ground, the more a word did."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from modelyard.core.report import Figure
from modelyard.render.palette import AGAINST, FOR, INK
from modelyard.render.wording import inert

_COLUMNS = 68
_FONT = 9
"""Points; sixty-eight characters of a typewriter's font are as wide as a figure."""
_WIDTH, _LINE = 5.4, 0.24
"""Inches."""
_STRONGEST = 0.6
"""Opacity of the strongest ground, on which the text can still be read."""


@dataclass(frozen=True)
class _Placed:
    text: str
    strength: float
    line: int
    column: int
    width: int


def size(figure: Figure) -> tuple[float, float]:
    """Inches, by the number of lines."""
    return _WIDTH, 0.2 + _LINE * _lines(list(_place(figure)))


def draw(axes: Any, figure: Figure) -> None:
    """Words in their places, wrapped, those for the answer on blue and those against it on orange."""
    from matplotlib.patches import Rectangle

    placed = list(_place(figure))
    for item in placed:
        if item.strength:
            ground = FOR if item.strength > 0 else AGAINST
            alpha = _STRONGEST * min(1.0, abs(item.strength))
            place = (item.column - 0.15, item.line + 0.08)
            axes.add_patch(Rectangle(place, item.width + 0.3, 0.84, facecolor=ground, alpha=alpha, edgecolor="none"))
        axes.text(
            item.column + item.width / 2,
            item.line + 0.5,
            item.text,
            ha="center",
            va="center",
            color=INK,
            fontsize=_FONT,
            family="DejaVu Sans Mono",
        )
    axes.set_xlim(-0.5, _COLUMNS + 0.5)
    axes.set_ylim(_lines(placed), 0)
    axes.set_axis_off()


def _lines(placed: list[_Placed]) -> int:
    return 1 + max((item.line for item in placed), default=0)


def _place(figure: Figure) -> Iterator[_Placed]:
    """Line and column of each piece; blanks take room only within a line."""
    line = column = 0
    for piece, strength in zip(figure.x_names, figure.cells[0] if figure.cells else (), strict=True):
        if "\n" in piece and not piece.strip():
            line, column = line + 1, 0
            continue
        text = inert(piece)
        if not text.strip():
            column += len(text)
            continue
        for part in _parts(text):
            width = _width(part)
            if column and column + width > _COLUMNS:
                line, column = line + 1, 0
            yield _Placed(part, strength, line, column, width)
            column += width


def _parts(text: str) -> Iterator[str]:
    """The text in parts that fit into a line."""
    start = width = 0
    for end, character in enumerate(text):
        width += _width(character)
        if width > _COLUMNS:
            yield text[start:end]
            start, width = end, _width(character)
    yield text[start:]


def _width(text: str) -> int:
    """Columns: characters of Chinese and its like take two."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)
