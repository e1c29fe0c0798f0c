"""Models that find named entities in texts, read from a folder as data: no code that lies in it is run.

One file of this room a format: it tells whether a folder is of it, writes what is needed of it into a folder that
travels with a transform, and opens that. Knows no dataset.
"""

from __future__ import annotations

import shutil
from collections.abc import Collection, Sequence
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Protocol

from modelyard.core.errors import InputError
from modelyard.core.source import Source
from modelyard.formats.entity_models import chinese_tagger, spacy_pipeline, token_classifier
from modelyard.methods.entities import LABELS, EntityKind, covered
from modelyard.methods.personal_data import Found

_TERMS = ("LICENSE", "LICENCE", "NOTICE", "COPYING")
_FORMATS: tuple[ModuleType, ...] = (spacy_pipeline, token_classifier, chinese_tagger)


class EntityModel(Protocol):
    """Finds entities; the same in the same texts."""

    labels: tuple[str, ...]
    """As the model calls what it finds."""

    def find(self, texts: Sequence[str]) -> list[list[Found]]:
        """What stands in each text, from left to right; no two overlap. Any thread may ask."""
        ...


def check(source: Source) -> None:
    """See that a folder can be read, without its weights.

    Raises:
        InputError: it is of no known format, or needs other code.
        MissingExtraError: what reads it is not installed.
    """
    _format(source).check(source.path)


def adopt(source: Source, kinds: Collection[EntityKind], out: Path) -> tuple[EntityKind, ...]:
    """Write what is needed of a model, and the terms that it came under, into ``out``.

    Args:
        kinds: what it must find; none for whatever it finds.

    Returns:
        the kinds that are looked for with it.

    Raises:
        InputError: as :func:`check`, or it does not find one of the kinds.
    """
    known = _format(source)
    known.adopt(source.path, out)
    for file in source.path.iterdir():
        # Whoever passes a release on passes the model on with it.
        if file.is_file() and file.name.upper().startswith(_TERMS):
            shutil.copyfile(file, out / file.name)
    labels: tuple[str, ...] = known.open_folder(out).labels
    found = covered(labels)
    lacking = [kind for kind in kinds if kind not in found] or ([] if found else list(LABELS))
    if lacking:
        raise InputError(
            f"the entity model finds no {' and no '.join(lacking)}: its labels are {', '.join(labels) or 'none'}",
            expected="; ".join(f"for {kind} one of {', '.join(LABELS[kind])}" for kind in lacking),
            fix=f"kinds: [{', '.join(found)}], or another model" if found else "name another model",
            where=source.reference,
        )
    return tuple(kind for kind in found if not kinds or kind in kinds)


@lru_cache(maxsize=4)
def open_entity_model(folder: Path) -> EntityModel:
    """The model in a folder that :func:`adopt` wrote; opened once, since whoever masks a row asks for it."""
    (known,) = (one for one in _FORMATS if one.recognises(folder))
    opened: EntityModel = known.open_folder(folder)
    return opened


def _format(source: Source) -> ModuleType:
    for known in _FORMATS:
        if source.path.is_dir() and known.recognises(source.path):
            return known
    raise InputError(
        "not a model for named entities",
        expected=" or ".join(known.LAYOUT for known in _FORMATS),
        fix="name the folder itself, such as pypi:package==version/package/package-version",
        where=source.reference,
    )
