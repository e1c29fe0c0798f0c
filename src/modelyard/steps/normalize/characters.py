"""``normalize characters``: look-alike letters and invisible characters leave texts, here and wherever the model runs.

Knows no character; the transform of the same name does the work and travels with the model.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from modelyard.core.dataset import Dataset
from modelyard.core.step import step
from modelyard.core.transform import TransformSpec
from modelyard.engines import transforming


@step
def characters(data: Dataset, *, out: Path, roles: Sequence[str] = ("text",)) -> Dataset:
    """Fold look-alike letters, wide forms and invisible characters in texts to plain ones.

    Full-width, bold and joined forms become plain letters (Unicode's NFKC), zero-width characters and overrides of
    direction are left out, and Cyrillic, Greek or Armenian letters that look Latin become Latin where the rest of the
    word or text is; words of other scripts stay. The model that is trained on the data does the same to what it is
    asked, which undoes ``attack homoglyphs``.

    Args:
        data: with texts.
        roles: the columns to look in.

    Raises:
        InputError: a role that the data do not have, or that holds no text.
    """
    named = sorted(set(roles))
    spec = TransformSpec("normalize", {"roles": named})
    for role in named:
        transforming.check_text(data, role, "normalize characters")
    return transforming.transform(data, spec, named, out=out, title="folding characters")
