"""What follows from the processor: bfloat16 where it pays, and only there."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from modelyard.engines import instructions
from modelyard.engines.training.preparation import use_bf16


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MODELYARD_CACHE", str(tmp_path))
    instructions.bf16_pays.cache_clear()
    return tmp_path


def test_bfloat16_is_used_where_it_was_measured_to_pay(cache: Path) -> None:
    network = torch.nn.Linear(2, 2)
    assert use_bf16("auto", network) == instructions.bf16_pays()
    assert use_bf16("bf16", network)
    assert not use_bf16("fp32", network)
    if not instructions.found(instructions.BF16):
        assert not instructions.bf16_pays()


def test_the_measurement_leaves_the_threads_as_they_were() -> None:
    threads = torch.get_num_threads()
    assert 0 < instructions.bf16_ratio() < float("inf")
    assert torch.get_num_threads() == threads


def test_what_was_measured_is_kept_for_the_next_process(cache: Path) -> None:
    values = iter([1.25, 9.0])
    assert instructions._remembered("bf16", lambda: next(values)) == 1.25
    assert instructions._remembered("bf16", lambda: next(values)) == 1.25
    (place,) = (cache / "measured").iterdir()
    place.write_text("torn")
    assert instructions._remembered("bf16", lambda: next(values)) == 9.0


def test_a_cache_that_cannot_be_written_to_does_not_matter(cache: Path) -> None:
    (cache / "measured").write_text("in the way")
    assert instructions._remembered("bf16", lambda: 1.5) == 1.5
