"""``normalize spelling``: typing errors leave the texts, here and wherever the model runs.

Knows no spelling; the transform ``spelling`` does the work and travels with the model.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from modelyard.core.dataset import TRAINING, Dataset
from modelyard.core.options import Between
from modelyard.core.step import step
from modelyard.core.transform import TransformSpec
from modelyard.engines import transforming
from modelyard.methods import spelling_correction


@step
def spelling(
    data: Dataset,
    *,
    out: Path,
    roles: Sequence[str] = ("text",),
    least: Annotated[int, Between(1, 1000)] = 1,
) -> Dataset:
    """Put known words in the place of unknown ones that are a slip of a finger away.

    Known are the words of the split train. An unknown word of 2 to 24 letters becomes the known one that a letter left
    out, put in, changed or swapped with its neighbour makes of it: one with the same first letter before others, then
    the most frequent. If there is none, it stays. The model that is trained on the data does the same to what it is
    asked, which undoes two in three of the edits of ``attack typos``. New words that look like known ones are changed
    too: see what it costs with ``evaluate``. The words travel with the model: where they may name people, mask first.

    Args:
        data: with texts; the words are learned from the split train.
        roles: the columns to look in.
        least: occurrences from which on a word is known; where texts to learn from are many and carelessly typed, rare
            ones may be typing errors themselves.

    Raises:
        InputError: a role that the data do not have, or that holds no text.
    """
    named = sorted(set(roles))
    for role in named:
        transforming.check_text(data, role, "normalize spelling")
    learned = (text for role in named for text in data.column(TRAINING, role) if text is not None)
    known = spelling_correction.known_words(learned, least=least)
    spec = TransformSpec("spelling", {"roles": named, "known": known})
    return transforming.transform(data, spec, named, out=out, title="correcting words")
