"""Text to tokens, tokens to the arrays of a call, and messages to a prompt.

By the ``tokenizers`` library and the chat template alone: a server of an exported model needs neither torch nor
transformers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.methods import chat_template

if TYPE_CHECKING:
    from tokenizers import Tokenizer


@dataclass(frozen=True)
class Processor:
    """What a language model needs beside its network.

    Attributes:
        cache: heads, key size and value size of each layer.
        context: most tokens of prompt and answer together.
        max_length: most tokens of a document in training and evaluation.
        stop_ids: tokens that end an answer.
        template: chat template, or None.
        special: special tokens by name, such as ``bos_token``.
        longest_token: characters of the longest token.
    """

    tokenizer: Tokenizer
    cache: tuple[tuple[int, int, int], ...]
    context: int
    max_length: int
    stop_ids: frozenset[int]
    template: str | None
    special: Mapping[str, str]
    longest_token: int

    def prompt(self, text: str) -> np.ndarray:
        """Token ids of a prompt, int64, with room for one token more.

        Raises:
            InputError: it is empty, or longer than the context.
        """
        if len(text) > self.context * self.longest_token:
            # Refused before it costs the time of tokenizing.
            raise self._too_long(f"more than {self.context}")
        ids = np.asarray(self.tokenizer.encode(text).ids, dtype=np.int64)
        if len(ids) > 1 and ids[0] == ids[1] == self.tokenizer.token_to_id(self.special.get("bos_token", "")):
            # The chat template wrote the first token already.
            ids = ids[1:]
        if not len(ids):
            raise InputError("the prompt is empty", expected="at least one token of text")
        if len(ids) >= self.context:
            raise self._too_long(str(len(ids)))
        return ids

    def _too_long(self, tokens: str) -> InputError:
        return InputError(
            f"the prompt has {tokens} tokens", expected=f"at most {self.context - 1}", fix="shorten the prompt"
        )

    def document(self, text: str) -> tuple[np.ndarray, int]:
        """The first ``max_length`` token ids of a text, and the bytes of what follows the first of them."""
        encoding = self.tokenizer.encode(text)
        ids = np.asarray(encoding.ids[: self.max_length], dtype=np.int64)
        if len(ids) < 2:
            return ids, 0
        begin, end = encoding.offsets[0][1], encoding.offsets[len(ids) - 1][1]
        return ids, len(text[begin:end].encode())

    def collate(self, prompts: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
        """Padded on the left, so that all end together; no cache yet, and logits of every token."""
        width = max(len(ids) for ids in prompts)
        arrays: dict[str, np.ndarray] = {
            name: np.zeros((len(prompts), width), np.int64) for name in ("input_ids", "attention_mask")
        }
        for row, ids in enumerate(prompts):
            arrays["input_ids"][row, width - len(ids) :] = ids
            arrays["attention_mask"][row, width - len(ids) :] = 1
        arrays["position_ids"] = np.maximum(arrays["attention_mask"].cumsum(axis=1) - 1, 0)
        arrays["logits_at"] = np.arange(width)[None].repeat(len(prompts), axis=0)
        return arrays | self.empty_cache(len(prompts))

    def empty_cache(self, batch: int, length: int = 0) -> dict[str, np.ndarray]:
        """``past.N.key`` and ``past.N.value`` of ``length`` tokens, zeros."""
        arrays = {}
        for layer, (heads, key_size, value_size) in enumerate(self.cache):
            arrays[f"past.{layer}.key"] = np.zeros((batch, heads, length, key_size), np.float32)
            arrays[f"past.{layer}.value"] = np.zeros((batch, heads, length, value_size), np.float32)
        return arrays

    def axes(self) -> dict[str, dict[int, str]]:
        """Varying axes of inputs and outputs."""
        seconds = {"input_ids": "new", "attention_mask": "total", "position_ids": "new", "logits_at": "kept"}
        axes = {name: {0: "batch", 1: second} for name, second in seconds.items()}
        axes |= {name: {0: "batch", 2: "past"} for name in self.empty_cache(0)}
        presents = {name.replace("past", "present"): {0: "batch", 2: "total"} for name in self.empty_cache(0)}
        return {**axes, "logits": {0: "batch", 1: "kept"}, **presents}

    def chat(self, messages: Sequence[Mapping[str, str]]) -> str:
        """Messages as one prompt.

        Raises:
            InputError: the model has no template, or it does not take these messages.
        """
        if self.template is None:
            raise InputError("the model has no chat template", expected="a model trained for chat", fix="send a prompt")
        return chat_template.render(self.template, messages, self.special)


def load(model: Model) -> Processor:
    """Read tokenizer and template of a model folder."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(model.path / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    template = model.path / "chat_template.jinja"
    settings = model.settings
    return Processor(
        tokenizer=tokenizer,
        cache=tuple((int(heads), int(key), int(value)) for heads, key, value in settings["cache"]),
        context=int(settings["context"]),
        max_length=min(int(settings["max_length"]), int(settings["context"])),
        stop_ids=frozenset(settings["stop_ids"]),
        template=template.read_text(encoding="utf-8") if template.is_file() else None,
        special=_special_tokens(model),
        longest_token=max(map(len, tokenizer.get_vocab())),
    )


def _special_tokens(model: Model) -> dict[str, str]:
    config = json.loads((model.path / "tokenizer_config.json").read_text(encoding="utf-8"))
    named = {name: config.get(name) for name in ("bos_token", "eos_token", "unk_token", "pad_token")}
    contents = {name: token["content"] if isinstance(token, dict) else token for name, token in named.items()}
    return {name: token for name, token in contents.items() if token}
