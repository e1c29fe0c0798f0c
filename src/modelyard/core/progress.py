"""Progress that a step reports and somebody else shows.

A step says how far it is; whether a bar, a log line or nothing comes of it is decided by
whoever set the reporter. Knows no terminal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Protocol


class Reporter(Protocol):
    """Shows the state of one piece of work; called with ``done=None`` when it ends."""

    def __call__(self, title: str, done: int | None, total: int | None, values: dict[str, float]) -> None: ...


def _silent(title: str, done: int | None, total: int | None, values: dict[str, float]) -> None:
    return None


_reporter: ContextVar[Callable[[str, int | None, int | None, dict[str, float]], None]] = ContextVar(
    "modelyard_progress", default=_silent
)


@dataclass
class Bar:
    """Counts what is done of one piece of work."""

    title: str
    total: int | None
    done: int = 0
    values: dict[str, float] = field(default_factory=dict)

    def advance(self, amount: int = 1, **values: float) -> None:
        """``amount`` more is done; ``values`` (a loss, say) are shown beside the bar."""
        self.done += amount
        self.values.update(values)
        _reporter.get()(self.title, self.done, self.total, self.values)


@contextmanager
def progress(title: str, total: int | None = None) -> Iterator[Bar]:
    """Report a piece of work: ``with progress("fine-tuning", total=80) as bar: bar.advance()``."""
    bar = Bar(title, total)
    _reporter.get()(title, 0, total, {})
    try:
        yield bar
    finally:
        _reporter.get()(title, None, total, bar.values)


@contextmanager
def reporting(reporter: Reporter) -> Iterator[None]:
    """Show the progress of everything inside with ``reporter``."""
    token = _reporter.set(reporter)
    try:
        yield
    finally:
        _reporter.reset(token)
