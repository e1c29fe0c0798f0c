"""A spaCy pipeline: config, weights and vocabulary are read, the package around them is not imported.

Weights are msgpack and JSON, none of it a pickle; networks of torch, which spaCy would read with ``torch.load``, are
refused. Only what finds entities is kept: of ``en_core_web_sm`` that is 7 of 13 MB. What a pipeline for another
language says of words with ideographs is not heard: to it they are one long unknown word.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from modelyard.core.errors import InputError, MissingExtraError
from modelyard.methods.entities import is_chinese, kind_of, pieces
from modelyard.methods.personal_data import Found

LAYOUT = "the folder of a spaCy pipeline (config.cfg, meta.json)"
LONGEST = 20_000
"""Characters that are read at once; memory grows with them."""
BATCH = 128

_IDEOGRAPHIC = ("zh", "ja", "ko", "xx")
_COMPONENTS = ("tok2vec", "ner", "entity_ruler")
_CODE = frozenset(
    {
        *("spacy.Tokenizer.v1", "spacy.Vectors.v1", "spacy.ner_scorer.v1"),
        *("spacy.entity_ruler_scorer.v1", "spacy.levenshtein_compare.v1"),
        *("spacy.TransitionBasedParser.v1", "spacy.TransitionBasedParser.v2"),
        *("spacy.Tok2Vec.v1", "spacy.Tok2Vec.v2", "spacy.Tok2VecListener.v1"),
        *("spacy.MultiHashEmbed.v1", "spacy.MultiHashEmbed.v2", "spacy.HashEmbedCNN.v1", "spacy.HashEmbedCNN.v2"),
        *("spacy.CharacterEmbed.v1", "spacy.CharacterEmbed.v2"),
        *("spacy.MaxoutWindowEncoder.v1", "spacy.MaxoutWindowEncoder.v2"),
        *("spacy.MishWindowEncoder.v1", "spacy.MishWindowEncoder.v2"),
    }
)
"""What a config may name of spaCy's registry: plain numpy, and nothing that another package brings."""
_TAGGED = frozenset({"POS", "TAG", "DEP", "LEMMA", "MORPH"})
"""What patterns of a ruler may ask of a token only where another component says it."""


def recognises(folder: Path) -> bool:
    return (folder / "config.cfg").is_file() and (folder / "meta.json").is_file()


def check(folder: Path) -> None:
    """See that the pipeline needs no other code.

    Raises:
        InputError: it does, or its config cannot be read.
        MissingExtraError: spaCy is not installed.
    """
    _components(folder)


def adopt(folder: Path, out: Path) -> None:
    """Write what finds entities into ``out``.

    Raises:
        InputError: as :func:`check`, or its files cannot be read.
    """
    nlp = _read(folder)
    if "entity_ruler" in nlp.pipe_names:
        _check_patterns(nlp.get_pipe("entity_ruler").patterns, folder)
    nlp.to_disk(out)


def open_folder(folder: Path) -> SpacyPipeline:
    return SpacyPipeline(_read(folder))


class SpacyPipeline:
    """Args:
    nlp: a pipeline of what finds entities.
    """

    def __init__(self, nlp: Any) -> None:
        self._nlp, self._lock = nlp, threading.Lock()
        self.labels: tuple[str, ...] = tuple(
            sorted({label for name in nlp.pipe_names for label in getattr(nlp.get_pipe(name), "labels", ())})
        )

    def find(self, texts: Sequence[str]) -> list[list[Found]]:
        found: list[list[Found]] = [[] for _ in texts]
        parts = [(number, *piece) for number, text in enumerate(texts) for piece in pieces(text, LONGEST)]
        # Words that it has not seen would stay in its vocabulary, a server's life long.
        with self._lock, self._nlp.memory_zone():
            read = self._nlp.pipe((part for *_, part in parts), batch_size=BATCH)
            for (number, begin, _), document in zip(parts, read, strict=True):
                found[number] += self._found(document, begin)
        return found

    def _found(self, document: Any, begin: int) -> Iterator[Found]:
        for entity in document.ents:
            kind = kind_of(entity.label_)
            if kind and (self._nlp.lang in _IDEOGRAPHIC or not is_chinese(entity.text)):
                yield Found(kind, begin + entity.start_char, begin + entity.end_char)


def _read(folder: Path) -> Any:
    components = _components(folder)
    from spacy.util import load_model_from_path

    try:
        return load_model_from_path(folder, exclude=[name for name, kept in components.items() if not kept])
    except Exception as error:
        # Its files are foreign: whatever is wrong with them comes as any kind of error.
        raise InputError(
            f"the spaCy pipeline cannot be read: {type(error).__name__}: {str(error).splitlines()[0]:.200}",
            expected="the files of one version of spaCy 3",
            where=str(folder),
        ) from None


def _components(folder: Path) -> dict[str, bool]:
    """Name of each component → whether it is kept."""
    try:
        from spacy.util import load_config
    except ImportError:
        raise MissingExtraError("spacy", "entities") from None
    try:
        config = load_config(folder / "config.cfg", interpolate=False)
        settings, parts = config["nlp"], config["components"]
        kept = {name: parts[name]["factory"] in _COMPONENTS for name in settings["pipeline"]}
        lang = str(settings["lang"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"the config of the spaCy pipeline cannot be read: {type(error).__name__}",
            expected="config.cfg as spaCy 3 writes it",
            where=str(folder),
        ) from None
    if not any(kept[name] and parts[name]["factory"] != "tok2vec" for name in kept):
        raise InputError(
            f"the spaCy pipeline finds no entities: it has {', '.join(kept) or 'nothing'}",
            expected="a component ner or entity_ruler",
            fix="name a pipeline that was trained for entities",
            where=str(folder),
        )
    needed = sorted({*_names({"nlp": settings, **{name: parts[name] for name in kept if kept[name]}})} - _CODE)
    if not lang.isalpha() or find_spec(f"spacy.lang.{lang}") is None:
        needed.append(f"the language {lang!r}")
    if needed:
        raise InputError(
            f"the spaCy pipeline needs other code: {', '.join(needed)}",
            expected="what spaCy brings by itself, on numpy; no code of a package is run",
            fix="name a pipeline with its own tok2vec, such as one of the small ones that spaCy publishes",
            where=str(folder),
        )
    return kept


def _names(section: Mapping[str, Any]) -> Iterator[str]:
    """What a config names of the registry, however deep."""
    for key, value in section.items():
        if isinstance(value, Mapping):
            yield from _names(value)
        elif key.startswith("@") or (key == "factory" and value not in _COMPONENTS):
            yield str(value)


def _check_patterns(patterns: Sequence[Mapping[str, Any]], folder: Path) -> None:
    asked = {
        str(key).upper()
        for pattern in patterns
        if isinstance(pattern["pattern"], list)
        for token in pattern["pattern"]
        for key in token
    }
    if asked & _TAGGED:
        raise InputError(
            f"the patterns of the entity ruler ask for {', '.join(sorted(asked & _TAGGED))}",
            expected="patterns of what is written: TEXT, LOWER, SHAPE, …",
            fix="name a pipeline whose entities need no tagger",
            where=str(folder),
        )
