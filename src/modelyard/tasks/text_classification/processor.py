"""Text to token ids and token ids to a padded batch, by the ``tokenizers`` library alone.

Loads neither torch nor transformers: a server of an exported model needs this file only.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.runtime import Arrays
from modelyard.core.task import Encoded, Units
from modelyard.core.transform import Row
from modelyard.methods import class_predictions, text_units

if TYPE_CHECKING:
    from tokenizers import Tokenizer

TOKENIZER, CONFIG = "tokenizer.json", "config.json"


@dataclass(frozen=True)
class Processor:
    """A tokenizer that truncates to ``max_length``, and how to pad what it gives.

    Attributes:
        inputs: names of the arrays of a batch.
        padding: value that fills each array up to the longest row.
        labels: class names in the order of the outputs.
    """

    tokenizer: Tokenizer
    max_length: int
    inputs: tuple[str, ...]
    padding: dict[str, int]
    labels: tuple[str, ...]

    def encode(self, rows: Sequence[Row]) -> list[Encoded]:
        """Unpadded int64 arrays of each row; ``labels`` too where the row has a label.

        Raises:
            InputError: a label that the model does not know.
        """
        encodings = self.tokenizer.encode_batch_fast([str(row["text"]) for row in rows])
        encoded: list[Encoded] = []
        for row, encoding in zip(rows, encodings, strict=True):
            found = {
                "input_ids": encoding.ids,
                "attention_mask": encoding.attention_mask,
                "token_type_ids": encoding.type_ids,
            }
            arrays = {name: np.asarray(found[name], dtype=np.int64) for name in self.inputs}
            if row.get("label") is not None:
                arrays["labels"] = class_predictions.position(self.labels, row["label"])
            encoded.append(arrays)
        return encoded

    def units(self, row: Row, most: int) -> Units:
        """The words of a text.

        Raises:
            InputError: it has none.
        """
        text = str(row["text"])
        places = text_units.words(text, most)
        if not places:
            raise InputError("a text without a word", expected="a text with at least one word")
        return Units("word", [text[start:end] for start, end in places], places, text)

    def mask(self, row: Row, units: Units, kept: np.ndarray) -> list[Row]:
        """Texts without the words that are not kept."""
        texts = text_units.keep(cast(str, units.content), cast(list[tuple[int, int]], units.places), kept)
        return [{**row, "text": text} for text in texts]

    def owners(self, row: Row, units: Units) -> np.ndarray:
        """The word of each token, int64 [tokens]."""
        offsets = self.tokenizer.encode(str(row["text"])).offsets
        return text_units.owners(offsets, cast(list[tuple[int, int]], units.places))

    def text_of(self, tokens: Sequence[int]) -> str:
        """The text whose tokens these are, with or without those that frame it.

        Raises:
            InputError: they are those of no text.
        """
        framing = set(self.tokenizer.get_added_tokens_decoder())
        plain = [token for token in tokens if token not in framing]
        if all(0 <= token < self.tokenizer.get_vocab_size() for token in plain):
            text: str = self.tokenizer.decode(plain)
            if self.tokenizer.encode(text, add_special_tokens=False).ids == plain[: self.max_length]:
                return text
        raise InputError(
            "these tokens are those of no text", expected="tokens of the model's own tokenizer", fix="send the text"
        )

    def collate(self, encoded: Sequence[Encoded]) -> Arrays:
        """Arrays of shape (rows, longest row), int64; ``labels`` of shape (rows,)."""
        width = max(len(row["input_ids"]) for row in encoded)
        batch = {}
        for name in self.inputs:
            array = np.full((len(encoded), width), self.padding[name], dtype=np.int64)
            for position, row in enumerate(encoded):
                array[position, : len(row[name])] = row[name]
            batch[name] = array
        if "labels" in encoded[0]:
            batch["labels"] = np.stack([row["labels"] for row in encoded])
        return batch

    def synthetic(self, rows: int, length: int) -> Arrays:
        """A batch of random words of exactly ``length`` tokens, the same at every call.

        Raises:
            InputError: the length is not one that the model takes.
        """
        if not 3 <= length <= self.max_length:
            raise InputError(f"length {length}", expected=f"from 3 to {self.max_length} tokens")
        frame = self.tokenizer.encode("").ids[:2]
        special = set(self.tokenizer.get_added_tokens_decoder())
        words = [token for token in self.tokenizer.get_vocab().values() if token not in special]
        ids = np.random.default_rng(0).choice(np.sort(words), size=(rows, length)).astype(np.int64)
        for edge, token in zip((0, -1), frame, strict=False):
            ids[:, edge] = token
        zeros = np.zeros_like(ids)
        found = {"input_ids": ids, "attention_mask": zeros + 1, "token_type_ids": zeros}
        return {name: found[name] for name in self.inputs}


def load(model: Model) -> Processor:
    """Read tokenizer.json of a model folder."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(model.path / TOKENIZER))
    config = json.loads((model.path / CONFIG).read_text(encoding="utf-8"))
    return make(tokenizer, int(model.settings["max_length"]), tuple(model.settings["inputs"]), config, model.labels)


def make(
    tokenizer: Tokenizer, max_length: int, inputs: tuple[str, ...], config: Mapping[str, Any], labels: tuple[str, ...]
) -> Processor:
    """A processor of a tokenizer, which is changed for it.

    Args:
        config: what config.json says; the token that fills up is taken from it.
    """
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_length)
    padding = {"input_ids": int(config.get("pad_token_id") or 0), "attention_mask": 0, "token_type_ids": 0}
    return Processor(tokenizer, max_length, inputs, padding, labels)
