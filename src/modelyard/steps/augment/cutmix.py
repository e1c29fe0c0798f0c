"""``augment cutmix``: images with a part of another image, with both labels."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import numpy as np

from modelyard.core.dataset import Dataset
from modelyard.core.options import Between
from modelyard.core.step import step
from modelyard.formats import image_file
from modelyard.methods import mixing
from modelyard.methods.mixing import Pairs
from modelyard.steps.augment._copies import check_role
from modelyard.steps.augment._mixtures import images_of, like, with_mixtures


@step(needs="image labels")
def cutmix(
    data: Dataset,
    *,
    out: Path,
    copies: Annotated[int, Between(1, 100)] = 1,
    alpha: Annotated[float, Between(0.01, 100.0)] = 1.0,
    seed: Annotated[int, Between(0, 2**32 - 1)] = 0,
) -> Dataset:
    """Add images in which a part of another image stands, with both labels.

    Yun et al. 2019: the labels count by their shares of the area. Written down as two rows with weights that sum to
    one, which is the same to every loss.

    Args:
        data: images with their labels.
        copies: mixtures for each row to learn from.
        alpha: of the beta distribution of shares; 1 draws them evenly.
        seed: of the pairs, shares and places.

    Raises:
        InputError: no images, no labels, or no training split.
    """
    check_role(data, "image", "augment cutmix", "for tables take augment mixup, for texts augment words")
    return with_mixtures(data, out, "augment cutmix", role="image", copies=copies, alpha=alpha, seed=seed, mix=_mix)


def _mix(table: Any, drawn: Pairs, random: np.random.Generator) -> tuple[Any, np.ndarray]:
    import pyarrow as pa

    images, mixed, shares = images_of(table), [], []
    for first, second, share in zip(drawn.first, drawn.second, drawn.share, strict=True):
        pixels = images[first].copy()
        height, width, _ = pixels.shape
        rows, columns = mixing.box(height, width, float(share), random)
        pixels[rows, columns] = like(pixels, images[second])[rows, columns]
        taken = (rows.stop - rows.start) * (columns.stop - columns.start)
        mixed.append(image_file.encode(pixels))
        shares.append(1 - taken / (height * width))
    return pa.array(mixed, pa.binary()), np.array(shares)
