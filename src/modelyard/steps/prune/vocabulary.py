"""Keeps the tokens that the training rows use, and those that any other text falls into."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

from modelyard.core.dataset import Dataset
from modelyard.core.errors import InputError, ModelyardError
from modelyard.core.model import Model
from modelyard.core.options import Between
from modelyard.core.predictor import apply_transforms
from modelyard.core.step import step
from modelyard.core.transform import pending_transforms
from modelyard.methods import vocabulary as methods
from modelyard.steps.prune._result import finish, open_network

TOKENIZER, TOKENIZER_CONFIG = "tokenizer.json", "tokenizer_config.json"
STALE = ("vocab.txt", "vocab.json", "merges.txt", "spiece.model", "sentencepiece.bpe.model", "tokenizer.model")
"""The whole vocabulary in older formats, which nothing here reads."""


@step(needs="labels text training gradients", converts=True, shrinks="parts")
def vocabulary(
    model: Model,
    data: Dataset,
    *,
    out: Path,
    scratch: Path,
    split: str = "train",
    continuations: bool = True,
    epochs: Annotated[float, Between(0, 1000)] = 0.0,
    learning_rate: Annotated[float, Between(0.0, 1.0)] | None = None,
    seed: Annotated[int, Between(0, 2**32 - 1)] = 0,
) -> Model:
    """Keep the word embeddings of tokens that occur in the training rows.

    Half of a small encoder's weights are embeddings of tokens, most of which a task never meets. Texts of the
    training rows give the very same tokens, and so the same answers, as before; that is checked. Special tokens,
    single characters and what longer tokens are merged from stay too, so any other text still has tokens: its
    words fall into smaller pieces where theirs are gone. The model is smaller, and as fast as it was.

    Args:
        model: a text classifier on the runtime torch, with a WordPiece, BPE or Unigram tokenizer.
        data: the rows whose tokens stay.
        split: where they come from.
        continuations: keep also all pieces that continue a word (WordPiece), so that unseen words fall into fewer.
        epochs: passes over the training rows to recover; the training rows themselves need none.
        learning_rate: peak rate of the recovery. Left out, it follows the size of the network.
        seed: of the order of rows and of dropout.
    """
    from modelyard.networks import vocabulary as networks

    rows = apply_transforms(pending_transforms(model.transforms or data.transforms, data.transforms), data.rows(split))
    texts = [str(row["text"]) for row in rows]
    if not texts:
        raise InputError(f"the split {split!r} has no rows", expected="at least one row")
    content = json.loads((model.path / TOKENIZER).read_text(encoding="utf-8"))
    tokens = list(_tokens(content, texts))
    kept = methods.closure(content, {token for row in tokens for token in row}, continuations=continuations)
    smaller, old = methods.reduced(content, kept)
    if any(before != after for before, after in zip(tokens, _tokens(smaller, texts), strict=True)):
        raise ModelyardError("the smaller tokenizer cuts the training rows otherwise", fix="leave prune vocabulary out")
    network = open_network(model)
    networks.keep(network, old)
    companions = {
        TOKENIZER: json.dumps(smaller, ensure_ascii=False, indent=1),
        TOKENIZER_CONFIG: _config(model, old),
        **dict.fromkeys(STALE),
    }
    return finish(
        network,
        model,
        data,
        out=out,
        scratch=scratch,
        epochs=epochs,
        learning_rate=learning_rate,
        seed=seed,
        companions={name: text for name, text in companions.items() if name in model.files},
    )


def _tokens(content: Any, texts: Sequence[str]) -> Iterator[list[str]]:
    """The tokens of each text, uncut."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_str(json.dumps(content))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    # Not encode_batch_fast, which leaves the words of the tokens out.
    return (encoding.tokens for encoding in tokenizer.encode_batch(texts))


def _config(model: Model, old: Sequence[int]) -> str | None:
    """The tokenizer's configuration, whose added tokens stand under their numbers."""
    if TOKENIZER_CONFIG not in model.files:
        return None
    config = json.loads((model.path / TOKENIZER_CONFIG).read_text(encoding="utf-8"))
    if "added_tokens_decoder" in config:
        numbered = config["added_tokens_decoder"]
        config["added_tokens_decoder"] = {
            str(new): numbered[str(number)] for new, number in enumerate(old) if str(number) in numbered
        }
    return json.dumps(config, ensure_ascii=False, indent=1)
