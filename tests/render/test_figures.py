"""Drawing: every kind, hostile names, and no trace left in matplotlib's settings."""

from __future__ import annotations

import base64
import struct
from xml.etree import ElementTree

import matplotlib
import pytest

from modelyard.core.report import Figure, Series
from modelyard.render.figures import draw_png, draw_svg
from modelyard.testing import tiny

HOSTILE = r"$\frac{1}{0}$ <script>&]]>--> _x" + "\u202e\x1b"
PICTURE = base64.b64encode(tiny.image("bright")).decode()
FIGURES = [
    Figure("line", "line", "x", "y", [Series(HOSTILE, [0, 1, 2], [0.1, None, 0.3], [0, 0.1, 0.2], [0.2, 0.3, 0.4])]),
    Figure(
        "names", "line", HOSTILE, "y", [Series("_a", ["p50", HOSTILE], [1.0, 2.0]), Series("b", ["p50", "x"], [2, 1])]
    ),
    Figure("bars", "bar", "x", "y", [Series("a", ["q", HOSTILE], [1.0, None], [0.5, 0], [1.5, 0])]),
    Figure("points", "scatter", "x", "y", [Series("a", [1.0, 2.0], [3.0, None])], diagonal=True),
    Figure("matrix", "matrix", "p", "t", cells=[[3, 0], [1, 2]], x_names=["a", HOSTILE], y_names=["a", HOSTILE]),
    Figure("large", "matrix", cells=[[1] * 15] * 15, x_names=["long name"] * 15, y_names=["long name"] * 15),
    Figure("words", "text", x_names=["win", " \n", HOSTILE, "奖" * 80], cells=[[1.0, 0.0, -0.5, 0.2]]),
    Figure(
        "overlay", "image", cells=[[1.0, -1.0], [0.0, 0.5]], picture=base64.b64encode(tiny.image("bright")).decode()
    ),
    Figure("map", "image", cells=[[0.0, 1.0]]),
    Figure("empty", "line"),
    Figure("no words", "text"),
    Figure("no cells", "matrix"),
]


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure.title)
def test_every_kind_is_drawn_as_well_formed_svg(figure: Figure) -> None:
    for inline in (False, True):
        svg = draw_svg(figure, inline=inline)
        root = ElementTree.fromstring(svg)
        assert root.tag.endswith("svg")
        assert "script" not in {element.tag.rpartition("}")[2] for element in root.iter()}
        assert "\u202e" not in svg
        assert svg == draw_svg(figure, inline=inline)


def test_png_is_an_image_and_repeats_itself() -> None:
    first = draw_png(FIGURES[0], dots_per_inch=100)
    width, height = struct.unpack(">II", first[16:24])
    assert first.startswith(b"\x89PNG")
    assert (width, height) == (540, 350)
    assert first == draw_png(FIGURES[0], dots_per_inch=100)


def test_settings_of_matplotlib_are_left_alone_and_do_not_matter() -> None:
    figure = FIGURES[3]
    expected = draw_svg(figure)
    with matplotlib.rc_context({"axes.facecolor": "red", "font.size": 30, "text.usetex": False}):
        before = dict(matplotlib.rcParams)
        assert draw_svg(figure) == expected
        assert dict(matplotlib.rcParams) == before


def test_text_in_the_page_stays_text_and_formulas_are_not_read() -> None:
    svg = draw_svg(Figure("t", "line", x_label=r"cost in $ and \alpha$"), inline=True)
    assert r"cost in $ and \alpha$" in svg


def test_words_stand_on_grounds_of_their_sign_and_strength() -> None:
    svg = draw_svg(Figure("t", "text", x_names=["win", " ", "later"], cells=[[1.0, 0.0, -0.5]]), inline=True)
    assert [word in svg for word in ("win", "later")] == [True, True]
    assert "fill: var(--series-1); opacity: 0.6" in svg
    assert "fill: var(--series-2); opacity: 0.3" in svg


def test_long_texts_wrap() -> None:
    words = ["word", " "] * 100
    short, long = (draw_png(Figure("t", "text", x_names=words[:n], cells=[[0.0] * n])) for n in (2, 200))
    assert struct.unpack(">II", long[16:24])[1] > 4 * struct.unpack(">II", short[16:24])[1]
