"""How fast and how large a model is. Measures in a process of its own; knows no measure of quality."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from modelyard.core.dataset import Dataset
from modelyard.core.memory import MEGABYTE, Arena
from modelyard.core.model import Model
from modelyard.core.options import Between
from modelyard.core.report import Figure, Findings, Measure, Report, Series, Table
from modelyard.core.step import step
from modelyard.engines import measuring
from modelyard.methods import latency


@step(
    measures=(
        "latency_p50_ms",
        "latency_p95_ms",
        "latency_p99_ms",
        "throughput",
        "size_mb",
        "memory_peak_mb",
        "memory_loaded_mb",
        "memory_private_mb",
        "memory_shared_mb",
        "load_seconds",
        # Share of weights at zero, of models that ``prune magnitude`` thinned:
        "sparsity",
        # Of models that generate:
        "first_token_ms",
        "prefill_tokens_per_second",
        "decode_tokens_per_second",
    ),
    timed=True,
)
def benchmark(
    model: Model,
    data: Dataset,
    *,
    out: Path,
    split: str = "test",
    batch_sizes: list[Annotated[int, Between(1, 4096)]] = [1, 8, 32],  # noqa: B006
    lengths: list[Annotated[int, Between(1)]] = [16, 64, 128],  # noqa: B006
    seconds: Annotated[float, Between(0.01, 60)] = 0.5,
    rows: Annotated[int, Between(1, 10_000)] = 200,
    threads: Annotated[int, Between(1, 1024)] | None = None,
    arena: Arena | None = None,
    confidence: Annotated[float, Between(0.5, 0.999)] = 0.95,
) -> Report:
    """Measure latency, throughput, memory, size and loading time.

    Latency is the time from one raw row to its answer, transforms and tokenizing included, one row at a time over
    real rows; throughput is the rate at which many real rows are answered in one call. For a model that
    generates, latency is the time of a short answer, and the first token, reading a prompt (prefill) and writing
    (decode) are timed too. A table times the network alone for each batch size and length.

    It runs in a process of its own, so that no other model's threads or memory are in the figures. Memory is what
    that process held, libraries included: `memory_loaded_mb` once the model was open, `memory_peak_mb` at the
    highest point until the rows were answered. After that `memory_private_mb` is what every further process with
    the same model takes again, and `memory_shared_mb` the files in memory, of which the system keeps one copy for
    all of them. Percentiles come with intervals from order statistics; they speak of this machine as it was then.

    Args:
        model: the model to time.
        data: where the rows come from.
        split: name of their split.
        batch_sizes: rows of one call in the table.
        lengths: length of a text in the table, in tokens; other rows have one size only.
        seconds: time given to each cell of the table; one that would take far longer is left out.
        rows: real rows to time, taken evenly from the split.
        threads: cores that one call may use; none leaves it to the runtime.
        arena: keep the memory of a call for the next one, or release it after the call. Left out, as $MODELYARD_ARENA
            says, or keep.
        confidence: of the intervals.
    """
    found = measuring.measure(
        model,
        data,
        split=split,
        rows=rows,
        threads=threads,
        batch_sizes=batch_sizes,
        lengths=lengths,
        seconds=seconds,
        arena=arena,
    )
    measures = _measures(found, confidence) | {"size_mb": Measure(model.size_bytes / MEGABYTE, unit="MB")}
    measures["sparsity"] = Measure(model.settings.get("sparsity"))
    table, figure = _cells(found["cells"])
    return Report.write(out, Findings(measures, [table], [figure], found["notes"]), parents=[model, data])


def _measures(found: Mapping[str, Any], confidence: float) -> dict[str, Measure]:
    times = found["latency_ms"]
    measures = {
        f"latency_p{share}_ms": latency.percentile(times, share / 100, unit="ms", confidence=confidence)
        for share in (50, 95, 99)
    }
    if found["first_token_ms"]:
        first = latency.percentile(found["first_token_ms"], 0.5, unit="ms", confidence=confidence)
        measures["first_token_ms"] = first
    units, unit = found["answered"], found["answered_unit"]
    measures["throughput"] = latency.rate(found["answered_seconds"], units, unit=unit, confidence=confidence)
    for name, held in found["memory"].items():
        measures[name] = Measure(held / MEGABYTE if held else None, unit="MB")
    measures["load_seconds"] = Measure(found["load_seconds"], n=1, unit="s")
    for cell in found["cells"]:
        # The longest of the single rows is the last one that is kept.
        if cell["name"] and cell["seconds"] and cell["batch"] == 1:
            name = f"{cell['name']}_{cell['unit']}s_per_second"
            measures[name] = latency.rate(cell["seconds"], cell["units"], unit=cell["unit"], confidence=confidence)
    return measures


def _cells(cells: Sequence[Mapping[str, Any]]) -> tuple[Table, Figure]:
    """Batch size × length, as a table and as lines."""
    rows: list[list[str | float | int | None]] = []
    lines: dict[str, dict[float, float]] = {}
    for cell in cells:
        times = [1e3 * run for run in cell["seconds"]]
        median, late = (
            latency.percentile(times, share, unit="ms", confidence=0.95).value if times else None
            for share in (0.5, 0.95)
        )
        per_second = 1e3 * cell["units"] / median if median else None
        work = f"{cell['name']} " if cell["name"] else ""
        rows.append([f"{work}{cell['batch']} × {cell['length']}", median, late, per_second, cell["unit"], len(times)])
        if per_second is not None:
            lines.setdefault(f"{work}batch {cell['batch']}", {})[cell["length"]] = per_second
    columns = ["batch × length", "median ms", "95th percentile ms", "a second", "unit", "runs"]
    series = [Series(name, list(line), list(line.values())) for name, line in lines.items()]
    unit = cells[0]["unit"] if cells else "row"
    figure = Figure("Speed by batch size and length", "line", "length", f"{unit}s a second", series)
    return Table("Time of one call of the network", columns, rows), figure
