"""``augment mlm``: copies of texts with words replaced by what a masked language model finds likely there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np

from modelyard.core.dataset import Dataset
from modelyard.core.options import Between
from modelyard.core.source import Source
from modelyard.core.step import step
from modelyard.steps.augment._copies import check_role
from modelyard.steps.augment._texts import INSTEAD, ROLE, with_varied


@step(needs="text")
def mlm(
    data: Dataset,
    language_model: Source,
    *,
    out: Path,
    copies: Annotated[int, Between(1, 100)] = 1,
    rate: Annotated[float, Between(0.0, 1.0)] = 0.15,
    choices: Annotated[int, Between(1, 1000)] = 10,
    seed: Annotated[int, Between(0, 2**32 - 1)] = 0,
) -> Dataset:
    """Add copies of texts with words replaced by what a masked language model finds likely there.

    Kobayashi 2018, Kumar et al. 2020: the model reads the text around a hidden word, so that the new word fits it. It
    may fit and mean the opposite: where one word decides, look at some copies first. The model stays on this machine.

    Args:
        data: with texts.
        language_model: a folder in Hugging Face layout with a head for masked words, in safetensors, such as
            hf:bert-base-uncased.
        copies: of each row to learn from; one that came out as its text is left out.
        rate: share of the words that are replaced, in the mean; one word at least.
        choices: of how many likeliest words one is drawn, by their probabilities.
        seed: of the words that are hidden and drawn.

    Raises:
        InputError: no texts, no training split, or a model without such a head.
    """
    check_role(data, ROLE, "augment mlm", INSTEAD)
    # It loads torch, which a step's file may do only when it runs.
    from modelyard.networks.masked_language import MaskedLanguageModel

    model = MaskedLanguageModel(language_model.path)

    def vary(_: Sequence[int], texts: Sequence[str], random: np.random.Generator) -> Sequence[str]:
        return model.vary(texts, rate, choices, random)

    return with_varied(data, out, "augment mlm", copies, seed, vary)
