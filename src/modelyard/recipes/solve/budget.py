"""How much a search may spend, and whether one more trial fits. Knows trials only by how long they took."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median


@dataclass
class Budget:
    """Seconds and trials that are left.

    What a trial will take is guessed from those that were finished: the median of the cheap stage, and the longest of
    the full one, since running over is worse than stopping early. Time to build and judge the best is set aside: it
    measures once more what both stages measure, on the model that they have made already.

    Attributes:
        seconds: of the whole search, the final build included; None for no limit.
        trials: candidates to try; None for no limit.
        clock: seconds that only go forward.
    """

    seconds: float | None = None
    trials: int | None = None
    clock: Callable[[], float] = time.monotonic
    started: float = field(init=False)
    cheap: list[float] = field(default_factory=list)
    full: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.started = self.clock()

    @property
    def elapsed(self) -> float:
        return self.clock() - self.started

    def allows_trial(self, done: int) -> bool:
        """Whether another candidate may be taken up: a cheap look, and a full one if that is promising."""
        if self.trials is not None and done >= self.trials:
            return False
        return self.allows_look()

    def allows_look(self) -> bool:
        """Whether a candidate can be looked at, and measured in full if that is promising."""
        return self._fits(self._cheap + self._full)

    def allows_full(self) -> bool:
        """Whether a candidate that looks promising can be measured in full."""
        return self._fits(self._full)

    @property
    def _cheap(self) -> float:
        return median(self.cheap) if self.cheap else 0.0

    @property
    def _full(self) -> float:
        # Before one was finished: no less than the cheap stage takes.
        return max(self.full, default=self._cheap)

    def _fits(self, seconds: float) -> bool:
        reserve = 2 * self._cheap
        return self.seconds is None or self.elapsed + seconds + reserve <= self.seconds
