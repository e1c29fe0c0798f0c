"""The tagger of Chinese texts that jieba ships as ``lac_small``: dictionaries, and tensors of PaddlePaddle.

The files are read as what they are, text and float32; neither jieba nor PaddlePaddle is needed, and no code is run. It
learned from Chinese only: what it says of words without an ideograph is not heard.
"""

from __future__ import annotations

import shutil
import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from modelyard.core.errors import InputError
from modelyard.methods import recurrent_tagging
from modelyard.methods.entities import is_chinese, label_pieces, spans
from modelyard.methods.personal_data import Found

LAYOUT = "the folder lac_small of jieba (model_baseline, word.dic, tag.dic)"
LONGEST, BUDGET = 200, 3_200
"""Characters of a piece, since it learned from sentences, and of all that are read at once."""

_TENSORS, _CHARACTERS, _TAGS = "model_baseline", "word.dic", "tag.dic"
_UNKNOWN = "OOV"
_LABELS = {"nr": "PER", "ns": "LOC", "nt": "ORG"}
"""Tags of words that are names by themselves → those of entities, as their neighbours have them."""
_FLOAT32 = 5
_NARROW = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {ord("。"): ord("."), 0x3000: ord(" ")}
"""Full-width signs → those that its texts had in their place; of the full ones it knows hardly anything."""


def recognises(folder: Path) -> bool:
    return (folder / _TENSORS).is_dir() and (folder / _CHARACTERS).is_file() and (folder / _TAGS).is_file()


def check(folder: Path) -> None:
    """See that all its files are there and fit together.

    Raises:
        InputError: they do not.
    """
    open_folder(folder)


def adopt(folder: Path, out: Path) -> None:
    """Copy what is read of it.

    Raises:
        InputError: as :func:`check`.
    """
    check(folder)
    (out / _TENSORS).mkdir(parents=True)
    for file in [folder / _CHARACTERS, folder / _TAGS, *(folder / _TENSORS).iterdir()]:
        shutil.copyfile(file, out / file.relative_to(folder))


def open_folder(folder: Path) -> ChineseTagger:
    try:
        tensors = {file.name: _read_tensor(file) for file in (folder / _TENSORS).iterdir()}
        characters = {name: number for number, name in _read_numbered(folder / _CHARACTERS)}
        tags = dict(_read_numbered(folder / _TAGS))
        tagger = recurrent_tagging.assemble(tensors)
        known = max(characters.values()) < len(tagger.embedding) and len(tags) == len(tagger.bias)
    except (OSError, ValueError, KeyError, struct.error, IndexError) as error:
        raise InputError(
            f"the tagger cannot be read: {type(error).__name__}: {error}", expected=LAYOUT, where=str(folder)
        ) from None
    if not known or _UNKNOWN not in characters:
        raise InputError("the tagger's dictionaries do not fit its tensors", expected=LAYOUT, where=str(folder))
    return ChineseTagger(tagger, characters, [tags[number] for number in range(len(tags))])


class ChineseTagger:
    """
    Args:
        characters: character → its number.
        tags: by number, such as ``PER-B``.
    """

    def __init__(self, tagger: recurrent_tagging.Tagger, characters: dict[str, int], tags: Sequence[str]) -> None:
        self._tagger, self._characters = tagger, characters
        # ``PER-B`` is B-PER elsewhere.
        turned = [(place, _LABELS.get(name, name)) for name, _, place in (tag.partition("-") for tag in tags)]
        self._tags = [f"{place}-{name}" if place else name for place, name in turned]
        self.labels: tuple[str, ...] = tuple(sorted({name for _, name in turned} - {"O"}))

    def find(self, texts: Sequence[str]) -> list[list[Found]]:
        found: list[list[Found]] = [[] for _ in texts]
        for number, begin, labels in label_pieces(texts, LONGEST, BUDGET, self._label):
            words = [(begin + at, begin + at + 1, self._tags[tag]) for at, tag in enumerate(labels)]
            found[number] += [Found(*span) for span in spans(words) if is_chinese(texts[number][span[1] : span[2]])]
        return found

    def _label(self, texts: Sequence[str]) -> list[list[int]]:
        return self._tagger.label([self._numbers(text) for text in texts])

    def _numbers(self, text: str) -> list[int]:
        unknown = self._characters[_UNKNOWN]
        return [self._characters.get(character, unknown) for character in text.translate(_NARROW)]


def _read_numbered(path: Path) -> list[tuple[int, str]]:
    lines = [line.split("\t") for line in path.read_text(encoding="utf-8").split("\n")]
    return [(int(line[0]), line[1]) for line in lines if len(line) == 2]


def _read_tensor(path: Path) -> np.ndarray:
    """A tensor as PaddlePaddle stores it: version, level of detail, version, then type and shape, then numbers.

    Raises:
        ValueError: other values than float32, or not as many as the shape says.
    """
    data = path.read_bytes()
    version, detail, inner, size = struct.unpack_from("<IQIi", data)
    start = struct.calcsize("<IQIi")
    fields = list(_read_fields(data[start : start + size]))
    shape = [value for key, value in fields if key == 2]
    if (version, detail, inner) != (0, 0, 0) or (1, _FLOAT32) not in fields:
        raise ValueError(f"{path.name} holds no plain float32")
    return np.frombuffer(data, "<f4", offset=start + size).reshape(shape)


def _read_fields(data: bytes) -> list[tuple[int, int]]:
    """Numbers of a message of Protocol Buffers: field and value."""
    numbers, value, shift = list[int](), 0, 0
    for byte in data:
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            numbers.append(value)
            value = shift = 0
    return [(key >> 3, number) for key, number in zip(numbers[::2], numbers[1::2], strict=True)]
