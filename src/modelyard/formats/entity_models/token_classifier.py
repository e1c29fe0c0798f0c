"""A classifier of tokens in Hugging Face layout, such as a BERT that was trained on CoNLL-2003 or on Chinese news.

Reads safetensors and JSON only; a model that brings its own code is refused.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from modelyard.core.errors import InputError
from modelyard.core.source import Source
from modelyard.formats import hugging_face
from modelyard.methods.entities import label_pieces, spans
from modelyard.methods.personal_data import Found

LAYOUT = "a folder in Hugging Face layout with a head for tokens (config.json, safetensors, tokenizer.json)"
BUDGET = 4_096
"""Characters that are read at once."""

_HEAD = "ForTokenClassification"
_FILES = ("config.json", "*.safetensors", "*.safetensors.index.json", "tokenizer*.json", "special_tokens_map.json")


def recognises(folder: Path) -> bool:
    return (folder / "config.json").is_file() and (folder / "tokenizer.json").is_file()


def check(folder: Path) -> None:
    """See that the folder holds such a classifier.

    Raises:
        InputError: other weights than safetensors, remote code, or another head.
    """
    source = Source(str(folder), folder, "", {})
    config = hugging_face.read_config(source, layout="config.json, safetensors and tokenizer.json")
    if not hugging_face.own_labels(config, kind=_HEAD):
        raise InputError(
            f"the model has no head for tokens: {', '.join(config.get('architectures') or []) or 'it names none'}",
            expected=f"an architecture that ends in {_HEAD}, and its id2label",
            fix="name a model that was trained for named entities",
            where=str(folder),
        )


def adopt(folder: Path, out: Path) -> None:
    """Copy what is read of it.

    Raises:
        InputError: as :func:`check`.
    """
    check(folder)
    out.mkdir(parents=True, exist_ok=True)
    for pattern in _FILES:
        for file in folder.glob(pattern):
            shutil.copyfile(file, out / file.name)


def open_folder(folder: Path) -> TokenClassifier:
    return TokenClassifier(folder)


class TokenClassifier:
    """Labels every word as its first token is labelled (Devlin et al., "BERT", 2019), and joins words of one entity."""

    def __init__(self, folder: Path) -> None:
        from transformers import AutoModelForTokenClassification, AutoTokenizer

        self._lock = threading.Lock()
        try:
            self._network, found = AutoModelForTokenClassification.from_pretrained(
                folder, use_safetensors=True, output_loading_info=True, **hugging_face.SAFE
            )
            self._tokenizer: Any = AutoTokenizer.from_pretrained(folder, **hugging_face.SAFE)
        except (OSError, ValueError, KeyError) as error:
            raise _unfit(str(error).splitlines()[0], folder) from None
        if found["missing_keys"]:
            raise _unfit(f"its weights lack {min(found['missing_keys'])}", folder)
        if not self._tokenizer.is_fast:
            raise _unfit("its tokenizer does not say where tokens lie in a text", folder)
        self._network.float().eval()
        names = self._network.config.id2label
        self._names = [str(names[index]) for index in range(len(names))]
        self.labels = tuple(sorted({name.rpartition("-")[2] for name in self._names} - {"O"}))
        most = getattr(self._network.config, "max_position_embeddings", None) or self._tokenizer.model_max_length
        self._limit = min(self._tokenizer.model_max_length, most, 512)

    def find(self, texts: Sequence[str]) -> list[list[Found]]:
        words: list[list[tuple[int, int, str]]] = [[] for _ in texts]
        longest = self._limit - self._tokenizer.num_special_tokens_to_add()
        with self._lock:
            for number, begin, labelled in label_pieces(texts, longest, BUDGET, self._label):
                words[number] += [(begin + first, begin + last, label) for first, last, label in labelled]
        return [[Found(*span) for span in spans(found)] for found in words]

    def _label(self, texts: Sequence[str]) -> list[list[tuple[int, int, str]]]:
        """Start, end and label of every word of each text."""
        import torch

        encoded = self._tokenizer(
            list(texts),
            padding=True,
            truncation=True,
            max_length=self._limit,
            return_overflowing_tokens=True,
            return_offsets_mapping=True,
            return_tensors="pt",
        )
        offsets, owners = encoded.pop("offset_mapping").tolist(), encoded.pop("overflow_to_sample_mapping").tolist()
        with torch.inference_mode():
            best = self._network(**encoded).logits.argmax(-1).tolist()
        labelled: list[list[tuple[int, int, str]]] = [[] for _ in texts]
        for window, owner in enumerate(owners):
            labelled[owner] += self._words(encoded.word_ids(window), offsets[window], best[window])
        return labelled

    def _words(
        self, words: Sequence[int | None], offsets: Sequence[Sequence[int]], best: Sequence[int]
    ) -> Iterator[tuple[int, int, str]]:
        place = 0
        while place < len(words):
            end = place + 1
            while end < len(words) and words[end] == words[place]:
                end += 1
            if words[place] is not None:
                yield offsets[place][0], offsets[end - 1][1], self._names[best[place]]
            place = end


def _unfit(what: str, folder: Path) -> InputError:
    return InputError(
        f"no classifier of tokens: {what}",
        expected="safetensors with a head for tokens, and a fast tokenizer (tokenizer.json)",
        fix="name another entity model",
        where=str(folder),
    )
