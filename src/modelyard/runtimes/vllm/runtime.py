"""Opens and writes models for vLLM."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.formats.files import copy_all, count_weights
from modelyard.runtimes.vllm.session import VLLMSession

BYTES = {"bfloat16": 2, "float16": 2, "float32": 4}
"""Of a number, by precision."""


class VLLM:
    """Runs a checkpoint in Hugging Face layout; it gives no logits, and nothing can be converted from it."""

    name = "vllm"
    abilities = frozenset[str]()

    def open(self, model: Model, *, device: str = "cpu", threads: int | None = None) -> VLLMSession:
        """See that vLLM is there; weights are loaded once something is to be written.

        Args:
            device: ``cuda``; ``auto`` and ``cpu``, which callers say by default, mean what the installed vLLM was built
                for.
            threads: cores of a build for CPUs; None for all.

        Raises:
            InputError: vLLM or the device is missing; the error says how to get it.
        """
        return VLLMSession(model, device, threads)

    def memory_bytes(self, model: Model) -> int:
        """Weights in the precision that they are computed in."""
        return count_weights(model) * BYTES[model.settings["precision"]]

    def build(
        self,
        model: Model,
        out: Path,
        *,
        precision: Literal["bfloat16", "float16", "float32"] = "bfloat16",
        **unknown: Any,
    ) -> Mapping[str, Any]:
        """Copy the checkpoint of ``model`` and note what it is to be computed in.

        Args:
            model: a language model on the runtime torch.
            out: an empty folder.
            precision: of weights, and of the cache of keys and values.

        Returns:
            ``precision``, and the bytes of a number of the cache.

        Raises:
            InputError: the model is no checkpoint in Hugging Face layout.
        """
        if unknown:
            raise TypeError(f"unknown option {next(iter(unknown))!r}")
        if model.runtime != "torch" or "config.json" not in model.files:
            raise InputError(
                f"vLLM reads no model of the runtime {model.runtime}",
                expected="a language model on the runtime torch",
                fix="export it before it is converted or quantized",
            )
        copy_all(model, out)
        return {"precision": precision, "cache_bytes": BYTES[precision]}
