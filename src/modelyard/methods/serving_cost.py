"""What predictions cost: from a measured rate and the price of a machine. Knows no provider."""

from __future__ import annotations

import math
from dataclasses import dataclass

from modelyard.core.report import Measure

SECONDS_AN_HOUR = 3600.0
MILLION = 1e6


@dataclass(frozen=True)
class Machine:
    """A machine as it is billed.

    Attributes:
        cores: processor cores.
        memory_gb: memory in 10^9 bytes.
        price_per_hour: in the currency of its table.
    """

    cores: float
    memory_gb: float
    price_per_hour: float


def per_million(throughput: Measure, cores: int, machine: Machine, utilization: float, currency: str) -> Measure:
    """Price of a million units, with the interval that the rate's own interval gives.

    One unit takes ``cores`` cores for ``1 / throughput`` seconds. A core of the machine costs its share of the price,
    whether or not it is busy: at a utilization of a half each unit costs twice as much. Cores are taken to be as fast
    as those that were measured.

    Args:
        throughput: units a second, of all ``cores`` together.
        cores: cores that the measurement used.
        utilization: share of the paid time in which the cores work, above 0 to 1.
    """
    core_second = machine.price_per_hour / machine.cores / SECONDS_AN_HOUR

    def cost(rate: float | None) -> float | None:
        return MILLION * cores * core_second / (rate * utilization) if rate else None

    unit = f"{currency} a million"
    return Measure(
        cost(throughput.value), cost(throughput.high), cost(throughput.low), throughput.n, unit, throughput.confidence
    )


def replicas(units_per_second: float, throughput: float, utilization: float) -> int:
    """Fewest copies of what was measured that carry a load without being busier than ``utilization``."""
    return max(1, math.ceil(units_per_second / (throughput * utilization)))
