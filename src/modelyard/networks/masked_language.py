"""Opens a masked language model and asks it what words might stand in the places of others.

Reads safetensors and JSON only and runs no code that lies beside them. Texts in, texts out; knows no dataset.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from modelyard.core.errors import InputError
from modelyard.networks import pretrained

BATCH = 16


class MaskedLanguageModel:
    """A network with a head for masked words, and its tokenizer (Devlin et al., "BERT", 2019).

    Args:
        folder: in Hugging Face layout.

    Raises:
        InputError: it holds no such model, or its tokenizer knows no mask.
    """

    def __init__(self, folder: Path) -> None:
        from transformers import AutoModelForMaskedLM, AutoTokenizer

        try:
            self.network, found = pretrained.read(AutoModelForMaskedLM, folder)
            self.tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
        except (OSError, ValueError, KeyError) as error:
            raise _unfit(str(error).splitlines()[0], folder) from None
        if found["missing_keys"]:
            raise _unfit(f"it has no head for masked words: {min(found['missing_keys'])} is missing", folder)
        if not self.tokenizer.is_fast or self.tokenizer.mask_token_id is None:
            raise _unfit("its tokenizer knows no mask, or not where tokens lie in a text", folder)
        self.network.eval()
        vocabulary = self.tokenizer.convert_ids_to_tokens(list(range(len(self.tokenizer))))
        # Parts of words, marks and special tokens never stand for a word.
        self._words = torch.tensor([token.isalpha() for token in vocabulary])

    def vary(self, texts: Sequence[str], rate: float, choices: int, random: np.random.Generator) -> list[str]:
        """A copy of each text with some words replaced by what the model finds likely there.

        Args:
            rate: share of the words that are replaced, in the mean; one at least, where a word is a single token.
            choices: of how many likeliest words one is drawn, by their probabilities.
        """
        made: list[str] = []
        for start in range(0, len(texts), BATCH):
            made += self._vary(texts[start : start + BATCH], rate, choices, random)
        return made

    def _vary(self, texts: Sequence[str], rate: float, choices: int, random: np.random.Generator) -> list[str]:
        limit = min(self.tokenizer.model_max_length, self.network.config.max_position_embeddings)
        encoded = self.tokenizer(
            list(texts),
            padding=True,
            truncation=True,
            max_length=limit,
            return_offsets_mapping=True,
            return_tensors="pt",
        )
        offsets = encoded.pop("offset_mapping").tolist()
        chosen = [self._choose(encoded, row, rate, random) for row in range(len(texts))]
        before = encoded["input_ids"].clone()
        for row, places in enumerate(chosen):
            encoded["input_ids"][row, places] = self.tokenizer.mask_token_id
        with torch.inference_mode():
            logits = self.network(**encoded).logits[:, :, : len(self._words)].masked_fill(~self._words, -torch.inf)
        made = []
        for row, text in enumerate(texts):
            for place in reversed(chosen[row]):
                start, end = offsets[row][place]
                scores = logits[row, place].clone()
                scores[before[row, place]] = -torch.inf
                text = text[:start] + self._draw(scores, choices, random) + text[end:]
            made.append(text)
        return made

    def _choose(self, encoded: Any, row: int, rate: float, random: np.random.Generator) -> list[int]:
        """Places of words that are one token, drawn at random."""
        words = encoded.word_ids(row)
        ids = encoded["input_ids"][row].tolist()
        whole = [
            place
            for place, word in enumerate(words)
            if word is not None and words.count(word) == 1 and bool(self._words[ids[place]])
        ]
        chosen = [place for place in whole if random.random() < rate]
        return chosen or ([whole[int(random.integers(len(whole)))]] if whole else [])

    def _draw(self, scores: Any, choices: int, random: np.random.Generator) -> str:
        values, tokens = scores.topk(min(choices, int(self._words.sum()) - 1))
        shares = torch.softmax(values.double(), 0).numpy()
        token = int(tokens[int(random.choice(len(shares), p=shares / shares.sum()))])
        return str(self.tokenizer.convert_ids_to_tokens(token))


def _unfit(what: str, folder: Path) -> InputError:
    return InputError(
        f"no masked language model: {what}",
        expected="a folder in Hugging Face layout with safetensors and a tokenizer, such as bert-base-uncased",
        fix="name another model, or take augment typos or augment words, which need none",
        where=str(folder),
    )
