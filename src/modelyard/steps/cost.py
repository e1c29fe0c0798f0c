"""What a million predictions cost, from speed measured here and a table of machine prices. Knows no provider."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from modelyard.core.dataset import Dataset
from modelyard.core.errors import InputError, suggestion
from modelyard.core.model import Model
from modelyard.core.options import Between
from modelyard.core.report import Findings, Measure, Report, Table
from modelyard.core.step import step
from modelyard.engines import measuring
from modelyard.methods import latency, serving_cost
from modelyard.methods.serving_cost import Machine

EXAMPLES = {
    "small-cpu": Machine(cores=2, memory_gb=4, price_per_hour=0.085),
    "medium-cpu": Machine(cores=4, memory_gb=16, price_per_hour=0.19),
    "large-cpu": Machine(cores=16, memory_gb=64, price_per_hour=0.77),
    "spot-cpu": Machine(cores=4, memory_gb=16, price_per_hour=0.07),
}
"""Of the size of list prices of large providers in 2025, in US dollars; nobody's offer."""
MEGABYTE = 1e6
HEADROOM = 1.5
"""Memory limit as a share of the measured peak: requests larger than the measured rows take more."""


@step(measures=("cost_per_million", "replicas", "batch_hours"), timed=True)
def cost(
    model: Model,
    data: Dataset,
    *,
    out: Path,
    machine: str = "small-cpu",
    prices: Mapping[str, Machine] | None = None,
    currency: str = "USD",
    utilization: Annotated[float, Between(0.01, 1.0)] = 0.5,
    load: Annotated[float, Between(0.0)] = 10.0,
    batch: Annotated[int, Between(1)] = 1_000_000,
    split: str = "test",
    rows: Annotated[int, Between(1, 10_000)] = 200,
    threads: Annotated[int, Between(1, 1024)] | None = None,
    confidence: Annotated[float, Between(0.5, 0.999)] = 0.95,
) -> Report:
    """Say what a million predictions cost on a machine of the price table.

    Throughput and memory are measured here, on real rows, in a process of their own; a core of the machine is taken to
    be as fast as one of these. A core costs its share of the machine's price, also while it waits: that is what
    ``utilization`` says. The interval is the throughput's.

    The table in the report sizes what would run it: replicas for a load, hours of a batch job, and the requests and
    limits of a container, from what was measured.

    The machines that come with modelyard are examples; give your own:
    ``prices: {mine: {cores: 4, memory_gb: 16, price_per_hour: 0.12}}``.

    Args:
        model: the model to price.
        data: where the rows come from.
        machine: its name in the price table.
        prices: machines by name, in place of the examples: cores, memory_gb, price_per_hour.
        currency: of the prices.
        utilization: share of the paid time in which the cores work.
        load: rows a second that replicas are counted for.
        batch: rows of one batch job.
        split: name of the rows' split.
        rows: real rows to time, taken evenly from the split.
        threads: cores that one call may use; none leaves it to the runtime.
        confidence: of the interval.
    """
    machines = prices or EXAMPLES
    if machine not in machines:
        raise InputError(f"machine: {machine!r} is not in the price table", fix=suggestion(machine, machines))
    priced, cores = machines[machine], threads or os.cpu_count() or 1
    if priced.cores <= 0 or priced.price_per_hour <= 0:
        raise InputError(f"prices: {machine}: cores and price_per_hour", expected="numbers above 0")
    found = measuring.measure(model, data, split=split, rows=rows, threads=threads)
    unit = found["answered_unit"]
    rate = latency.rate(found["answered_seconds"], found["answered"], unit=unit, confidence=confidence)
    if not rate.value:
        raise InputError("no throughput could be measured", fix="give more rows")
    peak = found["memory"].get("memory_peak_mb") or 0.0
    measures = {
        "cost_per_million": serving_cost.per_million(rate, cores, priced, utilization, currency),
        "replicas": Measure(serving_cost.replicas(load, rate.value, utilization)),
        "batch_hours": Measure(batch / rate.value / serving_cost.SECONDS_AN_HOUR, unit="h"),
    }
    size: list[list[str | float | int | None]] = [
        ["throughput", rate.value, f"{unit}/s on {cores} cores"],
        [
            "machine",
            machine,
            f"{priced.cores:g} cores, {priced.memory_gb:g} GB, {priced.price_per_hour:g} {currency}/h",
        ],
        [f"replicas for {load:g} {unit}s a second", measures["replicas"].value, f"of {cores} cores"],
        [f"a batch of {batch:,} {unit}s", measures["batch_hours"].value, "hours on one replica"],
        ["CPU request and limit", cores, "cores"],
        ["memory request", peak / MEGABYTE, "MB, the measured peak"],
        ["memory limit", HEADROOM * peak / MEGABYTE, "MB"],
    ]
    note = "The price is an example that comes with modelyard: give your own." if prices is None else "Your own prices."
    table = Table("Cost and size", ["what", "value", "unit"], size)
    return Report.write(out, Findings(measures, [table], notes=[note, *found["notes"]]), parents=[model, data])
