"""Runs behavioural suites on a model. Knows no step, no command and no test runner: each of them calls this."""

from __future__ import annotations

from modelyard.engines.behaviour.asked import cases_of
from modelyard.engines.behaviour.generated import generated_cases
from modelyard.engines.behaviour.running import Outcome, run_case
from modelyard.engines.behaviour.suited import check_case, read_images

__all__ = ["Outcome", "cases_of", "check_case", "generated_cases", "read_images", "run_case"]
