"""The report artifact: measures with intervals, tables and declarative figures.

Figures are data (what to draw), so that they can be drawn as HTML, PNG or text by the room
``render``; nothing here draws.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from modelyard.core.artifact import Artifact

if TYPE_CHECKING:
    import pyarrow as pa

REPORT = "report.json"
ROWS = "rows.parquet"


@dataclass(frozen=True)
class Measure:
    """One number with its interval.

    ``low`` and ``high`` are the ends of the ``confidence`` interval (None where there is none),
    ``n`` the number of rows or runs behind it. A value that is not finite becomes None.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    n: int | None = None
    unit: str = ""
    confidence: float = 0.95

    def __post_init__(self) -> None:
        for name in ("value", "low", "high"):
            number = getattr(self, name)
            if number is not None:
                object.__setattr__(self, name, float(number) if math.isfinite(number) else None)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Table:
    """A titled table; cells are text, numbers or None."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str | float | int | None]]


@dataclass(frozen=True)
class Series:
    """One line, set of bars or cloud of points. ``x`` may be numbers or names."""

    name: str
    x: Sequence[float] | Sequence[str]
    y: Sequence[float | None]
    low: Sequence[float] | None = None
    high: Sequence[float] | None = None


@dataclass(frozen=True)
class Figure:
    """What to draw. ``matrix`` uses ``cells`` with ``x_names``/``y_names``; ``line``, ``bar`` and ``scatter`` use
    ``series``. ``text`` is a running text in pieces (``x_names``), each on a ground of the strength in ``cells[0]``;
    ``image`` is a PNG file in base64 (``picture``) with the strengths in ``cells`` laid over it, top row first.
    Strengths have a sign: for and against."""

    title: str
    kind: Literal["line", "bar", "scatter", "matrix", "text", "image"]
    x_label: str = ""
    y_label: str = ""
    series: Sequence[Series] = ()
    cells: Sequence[Sequence[float]] = ()
    x_names: Sequence[str] = ()
    y_names: Sequence[str] = ()
    diagonal: bool = False
    """Draw the line y = x, as on a calibration plot."""
    picture: str = ""


@dataclass(frozen=True)
class Findings:
    """What a task or a method found out, before a step writes it down as a report."""

    measures: Mapping[str, Measure]
    tables: Sequence[Table] = ()
    figures: Sequence[Figure] = ()
    notes: Sequence[str] = ()
    rows: pa.Table | None = field(default=None, compare=False)
    """One row an example (id, target, prediction, …), for paired comparison."""


@dataclass(frozen=True)
class Report(Artifact):
    """Findings on disk: ``report.json`` and, where examples were judged, ``rows.parquet``."""

    kind: ClassVar[str] = "report"

    @classmethod
    def write(cls, out: Path, findings: Findings, *, parents: Iterable[Artifact]) -> Report:
        """Write the findings into ``out`` and seal it."""
        body = {
            "measures": {name: measure.to_json() for name, measure in findings.measures.items()},
            "tables": [asdict(table) for table in findings.tables],
            "figures": [asdict(figure) for figure in findings.figures],
            "notes": list(findings.notes),
        }
        (out / REPORT).write_text(json.dumps(body, indent=1, allow_nan=False, ensure_ascii=False), encoding="utf-8")
        if findings.rows is not None:
            import pyarrow.parquet as pq

            pq.write_table(findings.rows, out / ROWS, compression="zstd")
        return cls.seal(out, parents=parents, attributes={})

    @property
    def findings(self) -> Findings:
        """Read back; ``rows`` is None where none were kept."""
        body = json.loads((self.path / REPORT).read_text(encoding="utf-8"))
        return Findings(
            measures={name: Measure(**item) for name, item in body["measures"].items()},
            tables=[Table(**item) for item in body["tables"]],
            figures=[_read_figure(item) for item in body["figures"]],
            notes=body["notes"],
            rows=self._read_rows(),
        )

    def _read_rows(self) -> pa.Table | None:
        if ROWS not in self.files:
            return None
        import pyarrow.parquet as pq

        return pq.read_table(self.path / ROWS, partitioning=None)


def _read_figure(item: dict[str, Any]) -> Figure:
    return Figure(**{**item, "series": [Series(**series) for series in item["series"]]})
