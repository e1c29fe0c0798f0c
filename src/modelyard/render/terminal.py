"""A release or a report as tables on the terminal; plain columns when the output is not one.

Text is printed as text: neither markup nor escape codes in names and labels have an effect.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from modelyard.core.report import Findings
from modelyard.render import summary
from modelyard.render.page import Page
from modelyard.render.wording import inert, write_cell

if TYPE_CHECKING:
    from rich.console import Console

# Blue, not green, beside red: told apart with every common colour vision, and the word says it too.
_STYLES = {"met": "bold cyan", "not met": "bold red", "inconclusive": "bold yellow"}
_PLAIN_WIDTH = 400
_ROWS_SHOWN = 40


def print_outcome(page: Page, console: Console | None = None) -> None:
    """What a build came to: the steps, before and after, and each requirement."""
    console = console or _console()
    if page.steps:
        _print(console, "Steps", ["step", "options", "time", "result"], summary.step_rows(page))
    changes = summary.change_rows(page)
    if changes and page.before:
        rows = [(row.measure, row.before, row.after, row.after_interval, row.change) for row in changes]
        _print(console, "Before and after conversion", ["measure", "before", "release", "interval", "change"], rows)
    elif changes:
        rows_alone = [(row.measure, row.after, row.after_interval) for row in changes]
        _print(console, "At a glance", ["measure", "release", "interval"], rows_alone)
    print_requirements(page.requirements, console)


def print_requirements(requirements: Sequence[Mapping[str, Any]], console: Console | None = None) -> None:
    """Each requirement (``Judgement.to_json()``) with its bound, what was found, and the verdict."""
    rows = [
        (row.measure, row.bound, row.value, row.interval, row.n, row.verdict)
        for row in summary.requirement_rows(requirements)
    ]
    if rows:
        columns = ["measure", "bound", "value", "interval", "n", "verdict"]
        _print(console or _console(), "Requirements", columns, rows)


def print_findings(findings: Findings, console: Console | None = None) -> None:
    """All measures, tables and notes of one report."""
    console = console or _console()
    rows = summary.measure_rows(findings.measures)
    if rows:
        _print(console, "Measures", ["measure", "value", "interval", "n"], rows)
    for table in findings.tables:
        cells = [[write_cell(cell) for cell in row] for row in table.rows[:_ROWS_SHOWN]]
        _print(console, table.title, table.columns, cells)
    for note in findings.notes:
        console.print(inert(note), markup=False, highlight=False)


def _console() -> Console:
    import sys

    from rich.console import Console

    terminal = sys.stdout.isatty()
    # A pipe has no width: nothing is folded or cut there.
    return Console(highlight=False, width=None if terminal else _PLAIN_WIDTH)


def _print(console: Console, title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(
        title=Text(inert(title), style="bold"),
        title_justify="left",
        box=box.SIMPLE_HEAD if console.is_terminal else None,
        pad_edge=False,
        header_style="dim",
    )
    for column in columns:
        right = column not in ("measure", "bound", "step", "options", "result", "verdict", "class", "label")
        table.add_column(Text(inert(column)), justify="right" if right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(inert(cell), style=_STYLES.get(cell, "")) for cell in row))
    console.print(table)
    console.print()
