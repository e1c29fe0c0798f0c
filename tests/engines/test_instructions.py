"""What follows from the processor: bfloat16 where it pays, and only there."""

from __future__ import annotations

import torch

from modelyard.engines import instructions
from modelyard.engines.training.preparation import use_bf16


def test_bfloat16_is_used_where_it_was_measured_to_pay() -> None:
    network = torch.nn.Linear(2, 2)
    assert use_bf16("auto", network) == instructions.bf16_pays()
    assert use_bf16("bf16", network)
    assert not use_bf16("fp32", network)
    if not instructions.found(instructions.BF16):
        assert not instructions.bf16_pays()


def test_one_process_keeps_to_one_answer() -> None:
    assert {instructions.bf16_pays() for _ in range(3)} == {instructions.bf16_pays()}
    assert 0 < instructions._bf16_ratio() < float("inf")
