"""``augment images``: copies of images, turned, mirrored, cut and lit otherwise."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import numpy as np

from modelyard.core.dataset import Dataset
from modelyard.core.options import Between
from modelyard.core.step import step
from modelyard.formats import image_file
from modelyard.methods import image_variation
from modelyard.methods.image_variation import Flip, Limits
from modelyard.steps.augment._copies import check_role, replaced, with_copies

ROLE = "image"


@step(needs="image")
def images(
    data: Dataset,
    *,
    out: Path,
    copies: Annotated[int, Between(1, 100)] = 1,
    flip: Flip = "horizontal",
    rotate: Annotated[float, Between(0.0, 180.0)] = 10.0,
    crop: Annotated[float, Between(0.0, 0.9)] = 0.1,
    colour: Annotated[float, Between(0.0, 1.0)] = 0.2,
    seed: Annotated[int, Between(0, 2**32 - 1)] = 0,
) -> Dataset:
    """Add copies of images: mirrored, turned, cut and lit otherwise.

    Each copy gets a little of everything, drawn evenly up to the limits. Mirror only what may be mirrored: a 2 turned
    about is no 2, so flip is none for digits and writing.

    Args:
        data: with images.
        copies: of each row to learn from.
        flip: the axes along which half of the copies are mirrored.
        rotate: most degrees to either side.
        crop: most of height and width that is cut away; what is left is brought to the old size.
        colour: most change of brightness, contrast and saturation, as a share.
        seed: of all that is drawn.

    Raises:
        InputError: no images, or no training split.
    """
    check_role(data, ROLE, "augment images", "for texts take augment typos, for tables augment noise or augment mixup")
    limits = Limits(flip, rotate, crop, colour)

    def make(table: Any, random: np.random.Generator) -> Any:
        import pyarrow as pa

        varied = [
            image_file.encode(image_variation.vary(np.asarray(image_file.decode(data)), limits, random))
            for data in table.column(ROLE).to_pylist()
        ]
        return replaced(table, np.arange(table.num_rows), ROLE, pa.array(varied, pa.binary()))

    return with_copies(data, out, "augment images", copies, seed, make)
