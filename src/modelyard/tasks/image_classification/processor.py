"""Images to batches. Loads neither torch nor transformers: a server of an exported model needs this file only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from modelyard.core.errors import InputError
from modelyard.core.input_space import InputSpace
from modelyard.core.model import Model
from modelyard.core.runtime import Arrays
from modelyard.core.task import Encoded
from modelyard.core.transform import Row
from modelyard.methods import class_predictions
from modelyard.tasks.image_classification import preprocessing
from modelyard.tasks.image_classification.preprocessing import Preprocessing

INPUT = "pixel_values"


@dataclass(frozen=True)
class Processor:
    """How images become arrays, and the class names in the order of the outputs."""

    preprocessing: Preprocessing
    labels: tuple[str, ...]

    def encode(self, rows: Sequence[Row]) -> list[Encoded]:
        """uint8 ``pixel_values`` of shape (height, width, 3) of each row; int64 ``labels`` where it has a label.

        Floats would take four times the memory; they are made batch by batch.

        Raises:
            InputError: an image that cannot be used, with the number of its row, or an unknown label.
        """
        encoded: list[Encoded] = []
        for number, row in enumerate(rows):
            try:
                arrays = {INPUT: self.preprocessing.pixels(row["image"])}
            except InputError as error:
                what = f"row {number}: {error.what}" if len(rows) > 1 else error.what
                raise InputError(what, expected=error.expected, fix=error.fix) from None
            if row.get("label") is not None:
                arrays["labels"] = class_predictions.position(self.labels, row["label"])
            encoded.append(arrays)
        return encoded

    def collate(self, encoded: Sequence[Encoded]) -> Arrays:
        """float32 ``pixel_values`` of shape (rows, 3, height, width); int64 ``labels`` of shape (rows,)."""
        batch = {INPUT: self.preprocessing.normalize(np.stack([row[INPUT] for row in encoded]))}
        if "labels" in encoded[0]:
            batch["labels"] = np.stack([row["labels"] for row in encoded])
        return batch

    def space(self) -> InputSpace:
        """Pixels of the image as the network sees it, resized and cropped, from 0 to 1 in 255 steps."""
        prepared = self.preprocessing
        deviation = np.array(prepared.std, dtype=np.float64)[:, None, None]
        whole = np.ones((1, 1, 1))
        return InputSpace(
            name=INPUT,
            offset=-np.array(prepared.mean, dtype=np.float64)[:, None, None] / deviation,
            unit=(255.0 if prepared.scale is None else 255.0 * prepared.scale) / deviation,
            low=np.zeros_like(whole),
            high=whole,
            free=whole.astype(bool),
            grid=1 / 255,
            measured_in="share of a pixel's range",
        )

    def synthetic(self, rows: int) -> Arrays:
        """A batch of noise, the same at every call."""
        shape = (rows, *self.preprocessing.size, 3)
        noise = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
        return {INPUT: self.preprocessing.normalize(noise)}


def load(model: Model) -> Processor:
    """Read ``preprocessor_config.json`` of a model's folder."""
    return Processor(preprocessing.load(model.path, model.settings.get("image_size")), model.labels)
