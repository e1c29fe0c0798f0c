"""Which instructions the processor has for products of small numbers, and what follows for int8.

Known from the processor itself, through torch; nothing is inferred from its name.
"""

from __future__ import annotations

import platform
from typing import Any, Literal

INT8 = ("avx_vnni", "avx512_vnni", "amx_int8")
"""x86 instructions that add u8·s8 products in 32 bits."""
BF16 = ("avx512_bf16", "amx_bf16")
"""x86 instructions that multiply bfloat16 numbers."""


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


def record() -> dict[str, Any]:
    """What a model says of the machine that built it."""
    return {"machine": platform.machine(), "int8_instructions": found(INT8), "bf16_instructions": found(BF16)}
