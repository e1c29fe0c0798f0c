"""The colours of figures, and the variables of a page that take their place in it."""

from __future__ import annotations

# Okabe and Ito's palette: told apart with every common colour vision.
SERIES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
INK, MUTED, GRID, PAPER = "#1b1f24", "#5d6671", "#e3e6ea", "#fefefe"
FOR, AGAINST = SERIES[0], SERIES[1]
"""Grounds of what speaks for an answer and against it."""
VARIABLES = {INK: "ink", MUTED: "muted", GRID: "grid", PAPER: "paper"} | {
    colour: f"series-{number}" for number, colour in enumerate(SERIES, start=1)
}
