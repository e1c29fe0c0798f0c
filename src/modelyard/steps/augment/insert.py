"""``augment insert``: copies of texts with words of other texts put in."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from modelyard.core.dataset import Dataset
from modelyard.core.options import Between
from modelyard.core.step import step
from modelyard.steps.augment._texts import edit


@step(needs="text")
def insert(
    data: Dataset,
    *,
    out: Path,
    copies: Annotated[int, Between(1, 100)] = 1,
    rate: Annotated[float, Between(0.0, 1.0)] = 0.1,
    seed: Annotated[int, Between(0, 2**32 - 1)] = 0,
) -> Dataset:
    """Add copies of texts with words put in that occur in texts of the same class.

    Words are drawn as often as they occur there (after Wei and Zou 2019, without synonyms).

    Args:
        data: with texts.
        copies: of each row to learn from; one that came out as its text is left out.
        rate: share of the words that are edited, in the mean; one word at least.
        seed: of the words and edits that are drawn.

    Raises:
        InputError: the data hold no texts, or there is no training split.
    """
    return edit(data, out, "insert", copies=copies, rate=rate, seed=seed)
