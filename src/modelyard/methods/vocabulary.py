"""Smaller vocabularies: which tokens must stay so that given texts are cut as before, and the tokenizer with them.

Works on the content of a ``tokenizer.json`` as JSON values; opens no file and runs no tokenizer.
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from modelyard.core.errors import InputError


def closure(tokenizer: Mapping[str, Any], seen: Collection[str], *, continuations: bool) -> set[str]:
    """The ``seen`` tokens and those without which texts would be cut otherwise, or not at all.

    Always kept are the added (special) tokens and the unknown one. Then, so that every word still has pieces:

    - WordPiece takes the longest piece that fits. A smaller vocabulary that holds the pieces taken takes them
      again. Single characters stay, and any piece with a character that is no piece by itself.
    - BPE merges pairs in a fixed order. With a token stay the tokens that it can be merged from, so that the merges
      of a text are found again in their order; and all that no merge makes, the alphabet.
    - Unigram takes the likeliest pieces, and goes on doing so where no likelier ones are added. Single
      characters, bytes and the least likely piece, which prices unknown characters, stay.

    Args:
        tokenizer: content of ``tokenizer.json``.
        seen: tokens that occur in the texts.
        continuations: keep also the pieces that continue a word (WordPiece), so that unseen words fall into fewer.

    Raises:
        InputError: another kind of tokenizer, whose unseen words would be lost.
    """
    model = tokenizer["model"]
    kind = model.get("type")
    kept = {token for token in seen if token in _ids(tokenizer)}
    kept |= {token["content"] for token in tokenizer["added_tokens"]}
    if kind == "WordPiece":
        kept |= _word_pieces(model, continuations)
    elif kind == "BPE" and not model.get("dropout"):
        kept = _merged(model, kept)
    elif kind == "Unigram":
        kept |= _unigrams(model)
    else:
        raise InputError(
            f"a tokenizer of the kind {kind} cannot do with fewer tokens",
            expected="WordPiece, BPE without dropout, or Unigram",
            fix="leave prune vocabulary out",
        )
    return kept | ({str(model["unk_token"])} if model.get("unk_token") else set())


def _word_pieces(model: Mapping[str, Any], continuations: bool) -> set[str]:
    prefix, vocabulary = model["continuing_subword_prefix"], model["vocab"]

    def falls_apart(token: str) -> bool:
        begins = not token.startswith(prefix)
        letters = token if begins else token.removeprefix(prefix)
        singles = [letter if begins and not place else prefix + letter for place, letter in enumerate(letters)]
        return len(letters) > 1 and all(single in vocabulary for single in singles)

    return {token for token in vocabulary if not falls_apart(token) or (continuations and token.startswith(prefix))}


def _merged(model: Mapping[str, Any], seen: set[str]) -> set[str]:
    parents: dict[str, set[str]] = {}
    for left, right in map(_pair, model["merges"]):
        parents.setdefault(_joined(model, left, right), set()).update((left, right))
    kept: set[str] = set()
    waiting = [*seen, *(token for token in model["vocab"] if token not in parents)]
    while waiting:
        token = waiting.pop()
        if token not in kept:
            kept.add(token)
            waiting += parents.get(token, ())
    return kept


def _pair(merge: Any) -> tuple[str, str]:
    left, right = merge.split(" ") if isinstance(merge, str) else merge
    return left, right


def _joined(model: Mapping[str, Any], left: str, right: str) -> str:
    return left + right.removeprefix(model.get("continuing_subword_prefix") or "")


def _unigrams(model: Mapping[str, Any]) -> set[str]:
    pieces = model["vocab"]
    least = min(range(len(pieces)), key=lambda number: pieces[number][1])
    unknown = [] if model.get("unk_id") is None else [pieces[model["unk_id"]][0]]
    short = {piece for piece, _ in pieces if len(piece) == 1 or (piece.startswith("<0x") and piece.endswith(">"))}
    return {*short, *unknown, pieces[least][0]}


def _ids(tokenizer: Mapping[str, Any]) -> dict[str, int]:
    vocabulary = tokenizer["model"]["vocab"]
    if isinstance(vocabulary, list):
        vocabulary = {piece: number for number, (piece, _) in enumerate(vocabulary)}
    return {**vocabulary, **{token["content"]: token["id"] for token in tokenizer["added_tokens"]}}


def reduced(tokenizer: Mapping[str, Any], kept: Collection[str]) -> tuple[dict[str, Any], list[int]]:
    """The tokenizer with the ``kept`` tokens alone, numbered anew in their old order.

    Returns:
        content of the new ``tokenizer.json``, and the old number of each new one.
    """
    ids = {token: number for token, number in _ids(tokenizer).items() if token in kept}
    old = sorted(set(ids.values()))
    new = {number: position for position, number in enumerate(old)}
    made = copy.deepcopy(dict(tokenizer))
    model = made["model"]
    if isinstance(model["vocab"], list):
        model["vocab"] = [model["vocab"][number] for number in old if number < len(model["vocab"])]
        if model.get("unk_id") is not None:
            model["unk_id"] = new[model["unk_id"]]
    else:
        model["vocab"] = {token: new[ids[token]] for token in model["vocab"] if token in ids}
    if model["type"] == "BPE":
        model["merges"] = [
            merge for merge in model["merges"] if {_joined(model, *_pair(merge)), *_pair(merge)} <= set(ids)
        ]
    for token in made["added_tokens"]:
        token["id"] = new[token["id"]]
    if made.get("padding"):
        made["padding"]["pad_id"] = new[made["padding"]["pad_id"]]
    if made.get("post_processor"):
        _renumber(made["post_processor"], new)
    return made, old


def _renumber(processor: dict[str, Any], new: Mapping[int, int]) -> None:
    kind = processor["type"]
    if kind == "Sequence":
        for part in processor["processors"]:
            _renumber(part, new)
    elif kind in ("BertProcessing", "RobertaProcessing"):
        for name in ("sep", "cls"):
            token, number = processor[name]
            processor[name] = [token, new[number]]
    elif kind == "TemplateProcessing":
        for token in processor["special_tokens"].values():
            token["ids"] = [new[number] for number in token["ids"]]
    elif kind != "ByteLevel":
        raise InputError(f"the tokenizer ends with {kind}, which is not known here", fix="leave prune vocabulary out")


def renumbered(config: Mapping[str, Any], old: Sequence[int]) -> dict[str, Any]:
    """Every value of a configuration that names tokens by number (``…_token_id``), by the new numbers.

    Tokens that are gone were never in use: their entries become None.
    """
    new = {number: position for position, number in enumerate(old)}
    return {
        name: [new.get(item) for item in value] if isinstance(value, list) else new.get(value)
        for name, value in config.items()
        if name.endswith("_token_id") and value is not None
    }
