"""Pictures that nobody trains on: sizes, colours and files that are not what they say. Made here, of a fixed noise."""

from __future__ import annotations

import io
from typing import Any

import numpy as np


def images() -> dict[str, bytes]:
    """Files by what is odd about them; some are no pictures at all."""
    from PIL import Image

    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    usual = Image.fromarray(noise)

    def saved(image: Any, kind: str = "PNG") -> bytes:
        file = io.BytesIO()
        image.save(file, kind)
        return file.getvalue()

    png = saved(usual)
    return {
        "one pixel": saved(usual.resize((1, 1))),
        "very wide": saved(usual.resize((2000, 2))),
        "very high": saved(usual.resize((2, 2000))),
        "large": saved(usual.resize((1600, 1200)), "JPEG"),
        "all black": saved(Image.new("RGB", (64, 64))),
        "all white": saved(Image.new("RGB", (64, 64), "white")),
        "grey": saved(usual.convert("L")),
        "black and white": saved(usual.convert("1")),
        "palette": saved(usual.convert("P")),
        "transparent": saved(usual.convert("RGBA")),
        "sixteen bits": saved(Image.fromarray(noise[:, :, 0].astype(np.uint16) * 256)),
        "four inks": saved(usual.convert("CMYK"), "JPEG"),
        "another format": saved(usual, "GIF"),
        "cut off": png[: len(png) // 2],
        "header alone": png[:33],
        "empty": b"",
        "text": b"this is no image",
        "claims to be huge": png[:16] + (65_000).to_bytes(4, "big") * 2 + png[24:],
    }
