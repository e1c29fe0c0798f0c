"""Which instructions the processor has for products of small numbers, and what follows for int8.

Known from the processor itself, through torch; nothing is inferred from its name. Having instructions is not being
faster by them: where only speed is at stake, it is measured.
"""

from __future__ import annotations

import platform
import time
from functools import cache
from typing import Any, Literal

INT8 = ("avx_vnni", "avx512_vnni", "amx_int8")
"""x86 instructions that add u8·s8 products in 32 bits."""
BF16 = ("avx512_bf16", "amx_bf16")
"""x86 instructions that multiply bfloat16 numbers."""

WORTHWHILE = 1.1
"""Times as fast as float32, below which its rounding is not worth it."""
ROUNDS = 12


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
    """Whether products of matrices are faster in bfloat16 than in float32 here, as measured once a process.

    Some chips run these instructions at half the rate: AVX512-BF16 made MiniLM's products 1.5 times as fast on an AMD
    Zen 4, and 1.8 times as slow on an Intel Xeon of the same year.
    """
    return bool(found(BF16)) and _bf16_ratio() > WORTHWHILE


def _bf16_ratio() -> float:
    """Time in float32 over time in bfloat16, for a layer as encoders have it; the two take turns."""
    import torch

    generator = torch.Generator().manual_seed(0)
    rows, weight = (torch.randn(shape, generator=generator) for shape in ((512, 384), (1536, 384)))
    best = dict.fromkeys((torch.float32, torch.bfloat16), float("inf"))
    with torch.inference_mode():
        for _ in range(ROUNDS):
            for kind in best:
                x, w = rows.to(kind), weight.to(kind)
                started = time.perf_counter()
                torch.nn.functional.linear(x, w)
                best[kind] = min(best[kind], time.perf_counter() - started)
    return best[torch.float32] / best[torch.bfloat16]


def record() -> dict[str, Any]:
    """What a model says of the machine that built it."""
    return {"machine": platform.machine(), "int8_instructions": found(INT8), "bf16_instructions": found(BF16)}
