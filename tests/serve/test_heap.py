from __future__ import annotations

import subprocess
import sys

import pytest

from modelyard.core.memory import process_memory

KEPT = """
from modelyard.core.memory import process_memory
from modelyard.serve import heap

# Small things with others in use between them: no page at the end of the heap is free.
things = [bytearray(60_000) for _ in range(2000)]
del things[::2]
before = process_memory().resident
heap.give_back()
print(before - process_memory().resident)
"""

GROWN = """
from threading import Thread
from modelyard.core.memory import process_memory
from modelyard.serve import heap

heap.keep_little()
before = process_memory().resident
for size in (16_000_000, 8_000_000):
    # The first one raises what counts as large; the second comes from a heap, which is kept.
    thread = Thread(target=lambda: b"x" * size)
    thread.start()
    thread.join()
print(process_memory().resident - before)
"""

linux = pytest.mark.skipif(process_memory() is None or sys.platform != "linux", reason="glibc, and Linux's files")


def run(program: str) -> int:
    return int(subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True).stdout)


@linux
def test_what_is_free_between_used_things_is_given_back() -> None:
    assert run(KEPT) > 40_000_000


@linux
def test_large_things_leave_nothing_behind() -> None:
    assert run(GROWN) < 2_000_000
