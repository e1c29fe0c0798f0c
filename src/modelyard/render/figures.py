"""Draws declarative figures with matplotlib, as SVG or PNG.

The same figure gives the same bytes: no date, fixed identifiers. Drawn on objects, not on pyplot, so nothing global
changes. Text is text: ``$`` starts no formula. An inline SVG names its colours as CSS variables of the page around
it (``--ink``, ``--muted``, ``--grid``, ``--paper``, ``--series-1`` …), so it follows light and dark.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from typing import Any, cast

from modelyard.core.report import Figure, Series
from modelyard.render import overlays, strips
from modelyard.render.palette import GRID, INK, MUTED, PAPER, SERIES, VARIABLES
from modelyard.render.wording import inert, write_number

_SETTINGS = {
    "text.parse_math": False,
    "axes.unicode_minus": False,
    "font.family": ["DejaVu Sans"],
    "font.size": 10,
    "text.color": INK,
    "axes.labelcolor": MUTED,
    "axes.edgecolor": MUTED,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "legend.frameon": False,
}
_SIZE = (5.4, 3.5)
"""Inches."""

_LONGEST_NAME = 24


def draw_svg(figure: Figure, *, inline: bool = False) -> str:
    """The figure as an SVG document.

    Args:
        inline: for a page: text stays text in the page's font, and colours are the page's variables.
    """
    # Identifiers are hashes of the salt and what is drawn: with the title in it, figures of one page do not clash.
    with _settings({"svg.fonttype": "none" if inline else "path", "svg.hashsalt": figure.title}):
        text = _save(figure, "svg", {"Date": None, "Creator": None}).decode()
    return _inline(text, figure.title) if inline else text


def draw_png(figure: Figure, *, dots_per_inch: int = 160) -> bytes:
    """The figure as a PNG image on white."""
    with _settings({}):
        return _save(figure, "png", {"Software": None}, dpi=dots_per_inch, facecolor="white")


def _settings(more: dict[str, Any]) -> Any:
    from matplotlib import rc_context, rcParamsDefault

    # Starting from the defaults, a user's own matplotlibrc cannot change the picture. The backend is the one
    # setting that a context does not put back.
    defaults: dict[str, Any] = {str(name): value for name, value in rcParamsDefault.items() if name != "backend"}
    return rc_context(cast(Any, {**defaults, **_SETTINGS, **more}))


def _save(figure: Figure, form: str, metadata: dict[str, str | None], **options: Any) -> bytes:
    from matplotlib.figure import Figure as Canvas

    size = {"matrix": _matrix_size, "text": strips.size, "image": overlays.size}.get(figure.kind, lambda _: _SIZE)(
        figure
    )
    canvas = Canvas(figsize=size, layout="constrained")
    axes = canvas.add_subplot()
    draw = {
        "line": _draw_lines,
        "scatter": _draw_points,
        "bar": _draw_bars,
        "matrix": _draw_matrix,
        "text": strips.draw,
        "image": overlays.draw,
    }
    draw[figure.kind](axes, figure)
    axes.set_xlabel(inert(figure.x_label))
    axes.set_ylabel(inert(figure.y_label))
    if len(figure.series) > 1:
        axes.legend(fontsize=9)
    buffer = io.BytesIO()
    canvas.savefig(
        buffer, format=form, metadata=metadata, **({"transparent": True} | options if form == "svg" else options)
    )
    return buffer.getvalue()


def _draw_lines(axes: Any, figure: Figure) -> None:
    axes.grid(color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    if figure.diagonal:
        axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
    for number, series in enumerate(figure.series):
        colour = SERIES[number % len(SERIES)]
        x, y = _numeric(axes, series), [float("nan") if value is None else value for value in series.y]
        marker = "o" if len(x) <= 40 else None
        axes.plot(x, y, color=colour, linewidth=1.8, marker=marker, markersize=3.5, label=_name(series.name))
        if series.low is not None and series.high is not None:
            axes.fill_between(x, series.low, series.high, color=colour, alpha=0.16, linewidth=0)


def _draw_points(axes: Any, figure: Figure) -> None:
    axes.grid(color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    if figure.diagonal:
        axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
    for number, series in enumerate(figure.series):
        colour = SERIES[number % len(SERIES)]
        y = [float("nan") if value is None else value for value in series.y]
        axes.scatter(_numeric(axes, series), y, color=colour, s=14, alpha=0.75, linewidth=0, label=_name(series.name))


def _draw_bars(axes: Any, figure: Figure) -> None:
    axes.grid(axis="y", color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    width = 0.8 / max(1, len(figure.series))
    for number, series in enumerate(figure.series):
        x = [place + width * (number - (len(figure.series) - 1) / 2) for place in range(len(series.x))]
        y = [0.0 if value is None else value for value in series.y]
        axes.bar(x, y, width * 0.92, color=SERIES[number % len(SERIES)], label=_name(series.name))
        if series.low is not None and series.high is not None:
            ends = [
                [max(0.0, value - low) for value, low in zip(y, series.low, strict=True)],
                [max(0.0, high - value) for value, high in zip(y, series.high, strict=True)],
            ]
            axes.errorbar(x, y, yerr=ends, fmt="none", ecolor=INK, elinewidth=1, capsize=3)
    if figure.series:
        _name_ticks(axes, [name if isinstance(name, str) else write_number(name) for name in figure.series[0].x])


def _draw_matrix(axes: Any, figure: Figure) -> None:
    """Counts; the shade is the share of the row, so that rare classes are seen as well as common ones."""
    from matplotlib.patches import Rectangle

    k = len(figure.cells)
    dense = k > 12
    for row, counts in enumerate(figure.cells):
        total = sum(counts) or 1
        for column, count in enumerate(counts):
            share = count / total
            axes.add_patch(Rectangle((column, row), 1, 1, facecolor=SERIES[0], alpha=share, edgecolor="none"))
            if count or not dense:
                colour = PAPER if share > 0.55 else INK
                text = write_number(count)
                axes.text(
                    column + 0.5, row + 0.5, text, ha="center", va="center", color=colour, fontsize=7 if dense else 11
                )
    columns = len(figure.cells[0]) if k else 0
    axes.set_xlim(0, max(1, columns))
    axes.set_ylim(max(1, k), 0)
    axes.set_aspect("equal")
    axes.set_xticks([place + 0.5 for place in range(columns)], [_name(name) for name in figure.x_names])
    axes.set_yticks([place + 0.5 for place in range(k)], [_name(name) for name in figure.y_names])
    axes.tick_params(length=0)
    axes.spines[["left", "bottom"]].set_visible(False)
    if sum(len(name) for name in figure.x_names) > 28:
        axes.tick_params(axis="x", rotation=55 if k <= 12 else 90)
    for place in range(k + 1):
        axes.axhline(place, color=GRID, linewidth=0.8)
    for place in range(columns + 1):
        axes.axvline(place, color=GRID, linewidth=0.8)


def _matrix_size(figure: Figure) -> tuple[float, float]:
    # A small one is as large as the other figures, so that the text of all has one size on a page.
    side = min(9.0, 0.42 * len(figure.cells) + 2.2)
    return max(_SIZE[0], side + 0.6), max(_SIZE[1], side)


def _numeric(axes: Any, series: Series) -> Sequence[float]:
    numbers = [value for value in series.x if not isinstance(value, str)]
    if len(numbers) == len(series.x):
        return numbers
    _name_ticks(axes, [str(value) for value in series.x])
    return range(len(series.x))


def _name_ticks(axes: Any, names: Sequence[str]) -> None:
    axes.set_xticks(range(len(names)), [_name(name) for name in names])
    if sum(len(name) for name in names) > 40:
        axes.tick_params(axis="x", rotation=40)


def _name(text: str) -> str:
    text = inert(text)
    # A leading underscore would hide a series from matplotlib's legend.
    text = text if not text.startswith("_") else f" {text}"
    return text if len(text) <= _LONGEST_NAME else text[: _LONGEST_NAME - 1] + "…"


def _inline(svg: str, title: str) -> str:
    """The ``<svg>`` element alone, scaled by the page, in the page's colours and font."""
    from html import escape

    element = svg[svg.index("<svg") :]
    # matplotlib's style element says ``*``, which would reach the whole page.
    element = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>", "", element, count=1, flags=re.DOTALL)
    element = re.sub(r"<metadata>.*?</metadata>", "", element, count=1, flags=re.DOTALL)
    element = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", element))
    element = element.replace("<svg ", f'<svg role="img" aria-label="{escape(inert(title))}" ', 1)
    element = re.sub(r"font: ([\d.]+px)[^;\"]*", r"font-size: \1", element)
    # Groups are numbered anew in every figure; on one page the numbers would clash.
    element = re.sub(r' id="[a-zA-Z0-9.]+(_\d+)+"', "", element)
    return re.sub(r'style="[^"]*"', lambda style: _themed(style[0]), element)


def _themed(style: str) -> str:
    for colour, name in VARIABLES.items():
        style = style.replace(colour, f"var(--{name})")
    return style
