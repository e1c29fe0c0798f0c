"""Shows progress on standard error: bars on a terminal, one line a finished step elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from modelyard.core.progress import reporting


@contextmanager
def shown_progress() -> Iterator[None]:
    """Show every ``core.progress`` bar that is reported inside."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[shown]}"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars, reporting(_Bars(bars)):
        yield


class _Bars:
    """One bar for each title that is under way."""

    def __init__(self, bars: Any) -> None:
        self.bars = bars
        self.tasks: dict[str, Any] = {}

    def __call__(self, title: str, done: int | None, total: int | None, values: dict[str, float]) -> None:
        if done is None:
            if title in self.tasks:
                self.bars.remove_task(self.tasks.pop(title))
            return
        if title not in self.tasks:
            self.tasks[title] = self.bars.add_task(title, total=total, shown="")
        shown = "  ".join(f"{name} {value:.4g}" for name, value in values.items())
        self.bars.update(self.tasks[title], completed=done, shown=shown)
