"""What is watched of a row and of its answer: numbers, and names that the model itself has.

Of no value that comes out of here can a text be told: of a text there is its length and the shares of its tokens that
the tokenizer does not know and that no text before had, of an image its size, brightness and contrast. Knows no server.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Protocol, runtime_checkable

from modelyard.core.errors import InputError
from modelyard.core.task import Prediction
from modelyard.core.transform import Row
from modelyard.methods import image_header

Value = float | str | None
"""A number, a class, or nothing where a row has none."""

MOST_PIXELS = 4_000_000
"""Of an image whose brightness is looked at; a larger one would keep others waiting."""
SIDE = 64
"""An image is made so small first: brightness and contrast are those of its parts, not of its grain."""
LONGEST = 4096
"""Characters of a text whose tokens are looked at."""


@runtime_checkable
class HasTokenizer(Protocol):
    """A processor of texts; the tokenizer is one of the library ``tokenizers``."""

    tokenizer: Any


def tokens_in(rows: Sequence[Row], roles: Sequence[str], processor: Any) -> frozenset[int] | None:
    """All tokens that occur in rows; None where there are none."""
    if not isinstance(processor, HasTokenizer):
        return None
    texts = [row[role][:LONGEST] for row in rows for role in roles if isinstance(row[role], str)]
    return frozenset(token for tokens in _tokens(processor.tokenizer, texts) for token in tokens) or None


def of_rows(
    rows: Sequence[Row], roles: Sequence[str], processor: Any, seen: AbstractSet[int] | None = None
) -> list[dict[str, Value]]:
    """The features of each row, as the task sees it.

    Args:
        roles: what a row holds that is watched.
        processor: the task's.
        seen: the tokens that the model was trained on.
    """
    found: list[dict[str, Value]] = [{} for _ in rows]
    for role in roles:
        for row, values in zip(rows, found, strict=True):
            values.update(_of_value(role, row[role]))
        texts = [row[role] for row in rows]
        if isinstance(processor, HasTokenizer) and all(isinstance(text, str) for text in texts):
            unknown = _unknown(processor.tokenizer)
            read = _tokens(processor.tokenizer, [text[:LONGEST] for text in texts])
            for values, tokens in zip(found, read, strict=True):
                if unknown is not None:
                    values[f"{role}.unknown"] = tokens.count(unknown) / max(1, len(tokens))
                if seen is not None:
                    values[f"{role}.unseen"] = sum(token not in seen for token in tokens) / max(1, len(tokens))
    return found


def _unknown(tokenizer: Any) -> int | None:
    """The token that stands for what the tokenizer does not know; None if it knows all."""
    word = getattr(tokenizer.model, "unk_token", None)
    return None if word is None else tokenizer.token_to_id(word)


def _tokens(tokenizer: Any, texts: Sequence[str]) -> list[Sequence[int]]:
    """The tokens of each text, without those that frame it."""
    return [item.ids for item in tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)]


def of_prediction(prediction: Prediction) -> dict[str, Value]:
    """The features of an answer."""
    return {f"answer.{name}": prediction[name] for name in ("label", "score", "value") if name in prediction}


def _of_value(role: str, value: Any) -> dict[str, Value]:
    match value:
        case str():
            return {f"{role}.length": float(len(value))}
        case Mapping():
            return {f"{role}.{column}": cell for column, cell in value.items()}
        case bytes():
            try:
                header = image_header.read(value)
            except InputError:
                return {}
            return {
                f"{role}.width": float(header.width),
                f"{role}.height": float(header.height),
                **({} if header.width * header.height > MOST_PIXELS else _of_pixels(role, value)),
            }
    return {}


def _of_pixels(role: str, value: bytes) -> dict[str, Value]:
    """Brightness and contrast, from 0 to 1: mean and standard deviation of the luma (ITU-R BT.601)."""
    import io

    import numpy as np
    from PIL import Image

    try:
        with Image.open(io.BytesIO(value), formats=("PNG", "JPEG")) as image:
            image.draft("L", (SIDE, SIDE))
            luma = np.asarray(image.convert("L").resize((SIDE, SIDE), Image.Resampling.BOX), dtype=np.float64) / 255
    except (OSError, ValueError, SyntaxError):
        return {}
    return {f"{role}.brightness": float(luma.mean()), f"{role}.contrast": float(luma.std())}
