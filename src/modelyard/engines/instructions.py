"""Which instructions the processor has for products of small numbers, and what follows for int8.

Known from the processor itself, through torch; nothing is inferred from its name. Having instructions is not being
faster by them: where only speed is at stake, it is measured, once a machine.
"""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from typing import Any, Literal

from modelyard.core.artifact import canonical_json, hash_bytes
from modelyard.core.cache_folder import cache_folder
from modelyard.core.whole_file import write_whole

INT8 = ("avx_vnni", "avx512_vnni", "amx_int8")
"""x86 instructions that add u8·s8 products in 32 bits."""
BF16 = ("avx512_bf16", "amx_bf16")
"""x86 instructions that multiply bfloat16 numbers."""

WORTHWHILE = 1.1
"""Times as fast as float32, below which its rounding is not worth it."""
ROUNDS = 16
PRODUCTS = 4
"""Products of one round in each of the two precisions."""


def found(names: tuple[str, ...]) -> list[str]:
    """Those of the instructions that this processor has."""
    import torch

    here = torch.cpu.get_capabilities()
    return [name for name in names if here.get(name)]


def int8_overflows() -> bool:
    """Whether two u8·s8 products are added in 16 bits here, where large ones overflow: x86 without VNNI or AMX."""
    return platform.machine().lower() in ("x86_64", "amd64") and not found(INT8)


def reduced_range(choice: Literal["auto", "yes", "no"]) -> bool:
    """Whether weights get 7 bits, which cannot overflow: as the user says, or as this processor needs it."""
    return choice == "yes" or (choice == "auto" and int8_overflows())


@cache
def bf16_pays() -> bool:
    """Whether products of matrices are clearly faster in bfloat16 than in float32 here.

    It is measured once and remembered beside what was fetched, so that the same training takes the same precision
    however busy the machine is. Some chips run these instructions at half the rate: AVX512-BF16 made MiniLM's products
    1.5 times as fast on an AMD Zen 4, and 1.8 times as slow on an Intel Xeon of the same year.
    """
    return bool(found(BF16)) and _remembered("bf16", bf16_ratio) > WORTHWHILE


def bf16_ratio() -> float:
    """Time in float32 over time in bfloat16, for a layer as encoders have it: what three rounds of four exceed.

    The two take turns on one thread, and what counts is the time that this thread had the processor for, so that other
    work on the machine does not.
    """
    import torch

    generator = torch.Generator().manual_seed(0)
    shapes = ((256, 384), (1536, 384))
    layers = [
        [torch.randn(shape, generator=generator).to(kind) for shape in shapes]
        for kind in (torch.bfloat16, torch.float32)
    ]

    def seconds(rows: Any, weight: Any) -> float:
        started = time.thread_time()
        for _ in range(PRODUCTS):
            torch.nn.functional.linear(rows, weight)
        return max(time.thread_time() - started, 1e-9)

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.inference_mode():
            rounds = [[seconds(*layer) for layer in layers] for _ in range(ROUNDS + 1)]
    finally:
        torch.set_num_threads(threads)
    # The first round warms up.
    return sorted(full / half for half, full in rounds[1:])[ROUNDS // 4]


def _remembered(name: str, measure: Callable[[], float]) -> float:
    """What was measured on this processor with this version of torch, now or by an earlier process."""
    import torch

    here = [platform.node(), platform.machine(), torch.__version__, sorted(torch.cpu.get_capabilities().items())]
    place = cache_folder() / "measured" / f"{name}-{hash_bytes(canonical_json(here))[-16:]}.json"
    try:
        return float(json.loads(place.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        value = measure()
    # Where the cache cannot be written to, the next process measures again.
    with suppress(OSError):
        place.parent.mkdir(parents=True, exist_ok=True)
        write_whole(place, json.dumps(value).encode())
    return value


def record() -> dict[str, Any]:
    """What a model says of the machine that built it."""
    return {"machine": platform.machine(), "int8_instructions": found(INT8), "bf16_instructions": found(BF16)}
