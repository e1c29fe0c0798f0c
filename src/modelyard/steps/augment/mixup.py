"""``augment mixup``: mixtures of two rows of a table, or of two images, with both answers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from modelyard.core.dataset import Dataset
from modelyard.core.errors import InputError
from modelyard.core.options import Between
from modelyard.core.step import step
from modelyard.formats import feature_table, image_file
from modelyard.methods.mixing import Pairs
from modelyard.steps.augment._mixtures import images_of, like, with_mixtures


@step
def mixup(
    data: Dataset,
    *,
    out: Path,
    copies: Annotated[int, Between(1, 100)] = 1,
    alpha: Annotated[float, Between(0.01, 100.0)] = 0.2,
    seed: Annotated[int, Between(0, 2**32 - 1)] = 0,
) -> Dataset:
    """Add mixtures of two rows of a table, or of two images, with both answers.

    Zhang et al. 2018: the mixture has a share of each, in its numbers or pixels and in its answer. A mixture of two
    classes is written down as two rows with weights that sum to one, which is the same to every loss. Categories are
    those of the row with the larger share; a gap in either row is one in the mixture.

    Args:
        data: rows of a table, or images, with label or target.
        copies: mixtures for each row to learn from.
        alpha: of the beta distribution of shares; small ones leave most mixtures near to one of the two.
        seed: of the pairs and shares.

    Raises:
        InputError: texts, no answers, or no training split.
    """
    if "image" in data.roles:
        role, mix = "image", _mix_images
    elif "features" in data.roles:
        role, mix = "features", _mix_features
    else:
        raise InputError(
            f"augment mixup: the data have no features and no images, but {', '.join(data.roles)}",
            expected="numbers to mix",
            fix="for texts take augment typos or augment words",
        )
    return with_mixtures(data, out, "augment mixup", role=role, copies=copies, alpha=alpha, seed=seed, mix=mix)


def _mix_features(table: Any, drawn: Pairs, random: np.random.Generator) -> tuple[Any, np.ndarray]:
    known, share = feature_table.read(table), drawn.share[:, None]
    numbers = share * known.numbers[drawn.first] + (1 - share) * known.numbers[drawn.second]
    return replace(known, numbers=numbers).to_arrow(), drawn.share


def _mix_images(table: Any, drawn: Pairs, random: np.random.Generator) -> tuple[Any, np.ndarray]:
    import pyarrow as pa

    images, mixed = images_of(table), []
    for first, second, share in zip(drawn.first, drawn.second, drawn.share, strict=True):
        pixels = share * images[first] + (1 - share) * like(images[first], images[second])
        mixed.append(image_file.encode(np.round(pixels).astype(np.uint8)))
    return pa.array(mixed, pa.binary()), drawn.share
