"""The conformance kit: what every step, task and runtime must keep, ours and those of plug-ins.

Call :func:`check_step`, :func:`check_task` and :func:`check_runtime` from a test of your own; each
raises ``AssertionError`` with the rule that was broken. Needs no test framework.
"""

from modelyard.testing.runtimes import check_runtime
from modelyard.testing.steps import check_step
from modelyard.testing.tasks import check_task

__all__ = ["check_runtime", "check_step", "check_task"]
