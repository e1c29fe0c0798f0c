"""From a decoded image to the numbers that a network takes: resize, crop, scale, normalize.

Pillow and numpy alone do what Hugging Face's image processors do, read from their ``preprocessor_config.json``.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from modelyard.core.errors import InputError
from modelyard.formats import image_file
from modelyard.methods import image_header

FILE = "preprocessor_config.json"
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
BILINEAR, BICUBIC = 2, 3
_WARPED_FROM = 384
"""ConvNeXt's processor, which ResNets use too, squeezes images for networks of this size and larger."""


@dataclass(frozen=True)
class Preprocessing:
    """What is done to an image, in this order.

    Attributes:
        size: height and width of what the network takes.
        resize: height and width to resize to before cropping; one number for the shorter side; None for no resizing.
        resample: Pillow's number of the filter.
        scale: factor on the values 0 to 255; None for no scaling.
        mean: of each channel, taken off after scaling.
        std: of each channel, divided by.
    """

    size: tuple[int, int]
    resize: tuple[int, int] | int | None
    resample: int = BILINEAR
    scale: float | None = 1 / 255
    mean: tuple[float, ...] = IMAGENET_MEAN
    std: tuple[float, ...] = IMAGENET_STD

    def with_side(self, side: int) -> Preprocessing:
        """The same for a network that takes square images of another size."""
        if isinstance(self.resize, int):
            return replace(self, size=(side, side), resize=max(side, round(self.resize * side / min(self.size))))
        return replace(self, size=(side, side), resize=(side, side))

    def pixels(self, data: bytes | str) -> np.ndarray:
        """Resized and cropped, uint8 of shape (height, width, 3).

        Args:
            data: a PNG or JPEG file as bytes or base64 text.

        Raises:
            InputError: it is none, damaged, or larger than is decoded.
        """
        return self.prepare(decode(data))

    def prepare(self, image: Any) -> np.ndarray:
        """The same of a Pillow image in RGB."""
        from PIL import Image

        if self.resize is not None:
            height, width = self._resized(image.height, image.width)
            image = image.resize((width, height), Image.Resampling(self.resample))
        return _crop(np.asarray(image), *self.size)

    def normalize(self, pixels: np.ndarray) -> np.ndarray:
        """uint8 (rows, height, width, 3) to float32 (rows, 3, height, width)."""
        factor = (1.0 if self.scale is None else self.scale) / np.array(self.std, dtype=np.float64)
        shift = np.array(self.mean, dtype=np.float64) / np.array(self.std, dtype=np.float64)
        values = pixels.astype(np.float32) * factor.astype(np.float32) - shift.astype(np.float32)
        return np.ascontiguousarray(values.transpose(0, 3, 1, 2))

    def _resized(self, height: int, width: int) -> tuple[int, int]:
        if isinstance(self.resize, tuple):
            return self.resize
        side = self.resize or min(height, width)
        if height <= width:
            return side, int(side * width / height)
        return int(side * height / width), side

    def to_config(self) -> dict[str, Any]:
        """As ``preprocessor_config.json`` of a plain processor that transformers can read."""
        square = isinstance(self.resize, tuple)
        height, width = self.resize if isinstance(self.resize, tuple) else self.size
        return {
            "image_processor_type": "BitImageProcessor",
            "do_convert_rgb": True,
            "do_resize": self.resize is not None,
            "size": {"height": height, "width": width} if square else {"shortest_edge": self.resize or height},
            "resample": self.resample,
            "do_center_crop": True,
            "crop_size": {"height": self.size[0], "width": self.size[1]},
            "do_rescale": self.scale is not None,
            "rescale_factor": self.scale or 1.0,
            "do_normalize": True,
            "image_mean": list(self.mean),
            "image_std": list(self.std),
        }


def plain(side: int) -> Preprocessing:
    """Squeezed to a square and normalized as for ImageNet: for networks that say nothing."""
    return Preprocessing((side, side), (side, side))


def read_config(config: Mapping[str, Any]) -> Preprocessing:
    """What a processor's configuration says, with every key given.

    Raises:
        InputError: it says something else than is done here.
    """
    try:
        return _read_config(config)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{FILE} cannot be understood: {type(error).__name__}: {error}") from None


def _read_config(config: Mapping[str, Any]) -> Preprocessing:
    size = _sides(config["size"]) if config.get("do_resize", True) else None
    crop = _sides(config["crop_size"]) if config.get("do_center_crop") else None
    if config.get("crop_pct") and isinstance(size, int):
        crop = (size, size)
        size = crop if size >= _WARPED_FROM else int(size / config["crop_pct"])
    final = crop or size
    if final is None or (isinstance(final, int) and crop is None):
        raise ValueError("the processor gives images of different sizes")
    normalizes = config.get("do_normalize", True)
    return Preprocessing(
        size=(final, final) if isinstance(final, int) else final,
        resize=size,
        resample=int(config.get("resample", BILINEAR)),
        scale=float(config.get("rescale_factor", 1 / 255)) if config.get("do_rescale", True) else None,
        mean=_channels(config["image_mean"]) if normalizes else (0.0, 0.0, 0.0),
        std=_channels(config["image_std"]) if normalizes else (1.0, 1.0, 1.0),
    )


def _sides(size: Any) -> tuple[int, int] | int:
    if isinstance(size, int):
        return (size, size)
    if "shortest_edge" in size:
        return int(size["shortest_edge"])
    return int(size["height"]), int(size["width"])


def _channels(values: Any) -> tuple[float, ...]:
    if len(values) != 3:
        raise ValueError(f"{len(values)} channels")
    return tuple(float(value) for value in values)


def load(folder: Path, side: int | None) -> Preprocessing:
    """Read ``preprocessor_config.json``.

    Args:
        side: of the square images that the network takes, where it is not the configuration's own.
    """
    found = read_config(json.loads((folder / FILE).read_text(encoding="utf-8")))
    return found if side is None else found.with_side(side)


def decode(data: bytes | str) -> Any:
    """A PNG or JPEG file as a Pillow image in RGB, upright; grey becomes three equal channels.

    Raises:
        InputError: it is none, damaged, or larger than is decoded; judged by its header first.
    """
    if isinstance(data, str):
        data = _from_base64(data)
    if not isinstance(data, bytes):
        raise InputError(f"an image of type {type(data).__name__}", expected="PNG or JPEG as bytes or base64 text")
    return image_file.decode(data)


def _from_base64(text: str) -> bytes:
    head, is_url, body = text.partition(";base64,")
    if is_url and not head.startswith("data:image/"):
        raise InputError(f"{head[:40]!r} is no image", expected="data:image/png;base64,… or plain base64 text")
    if len(text) > image_header.MOST_BYTES * 4 / 3 + 128:
        raise InputError(f"{len(text)} characters of base64", expected=f"at most {image_header.MOST_BYTES} bytes")
    try:
        data = base64.b64decode(body if is_url else text, validate=True)
    except (binascii.Error, ValueError):
        raise InputError(
            "the image is not base64 text",
            expected="a PNG or JPEG file in base64",
            fix="send the file's bytes; addresses are not fetched",
        ) from None
    claimed = head.removeprefix("data:image/").upper() if is_url else ""
    if claimed and image_header.read(data).format != claimed.replace("JPG", "JPEG"):
        raise InputError(f"the image is not {claimed}", expected="what its data URL says")
    return data


def _crop(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    """The middle of (rows, columns, 3); where it is smaller, the edges are black."""
    lack = [max(0, wanted - given) for wanted, given in zip((height, width), pixels.shape, strict=False)]
    if any(lack):
        before = [(amount + 1) // 2 for amount in lack]
        pad = [(first, amount - first) for first, amount in zip(before, lack, strict=True)]
        pixels = np.pad(pixels, [*pad, (0, 0)])
    top, left = (pixels.shape[0] - height) // 2, (pixels.shape[1] - width) // 2
    return pixels[top : top + height, left : left + width]
