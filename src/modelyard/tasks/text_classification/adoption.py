"""Turns a foreign Hugging Face folder into a text classifier with a head for the given classes.

Reads safetensors, JSON and tokenizer files only: no pickle, and no code that came with the files.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.source import Source

LENGTH_CAP = 256
"""Default limit in tokens. The cost of a row grows with its length, and the class of a text nearly always shows in
its first paragraph; ``finetune full`` takes ``max_length`` for those where it does not."""


def adopt(source: Source, out: Path, *, task: str, labels: Sequence[str], seed: int) -> Model:
    """Write network and tokenizer to ``out`` in Hugging Face layout and seal the model.

    A head that was trained for the same class names is kept; any other is replaced by a random one
    drawn from ``seed``. Without ``labels`` the source's own head and class names are taken.

    Raises:
        InputError: not a folder of that layout, remote code, no safetensors, or fewer than two classes.
    """
    config = _read_config(source)
    own = _own_labels(config)
    names = tuple(labels) or own
    if len(names) < 2 or len(set(names)) != len(names):
        raise InputError(
            f"{len(set(names))} classes for a text classifier: {', '.join(names) or 'none'}",
            expected="two or more different class names",
            fix="give data with a label column, or a model that was trained as a classifier",
            where=source.reference,
        )
    keep_head = set(names) == set(own)
    if keep_head:
        names = own
    network, tokenizer = _load(source, names, keep_head=keep_head, seed=seed)
    _save(network, tokenizer, out, source)
    inputs = _input_names(network, tokenizer)
    limit = length_limit(network, tokenizer)
    settings = {"max_length": min(LENGTH_CAP, limit), "length_limit": limit, "inputs": list(inputs)}
    return Model.write(
        out, task=task, runtime="torch", base=source.reference, parents=[], labels=names, settings=settings
    )


def _read_config(source: Source) -> dict[str, Any]:
    folder = source.path
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(
            f"no readable config.json: {type(error).__name__}",
            expected="a folder in Hugging Face layout: config.json, *.safetensors, tokenizer.json",
            where=source.reference,
        ) from None
    if not isinstance(config, dict):
        raise InputError("config.json holds no mapping", where=source.reference)
    if "auto_map" in config:
        raise InputError(
            "the model brings its own code (auto_map in config.json); it is not run",
            expected="an architecture that transformers knows by itself",
            where=source.reference,
        )
    if not any(folder.glob("*.safetensors")):
        raise InputError(
            "no weights in safetensors",
            expected="model.safetensors; pickled weights (.bin, .pt) can run code and are never opened",
            fix="convert the weights to safetensors where you trust them",
            where=source.reference,
        )
    return config


def _own_labels(config: dict[str, Any]) -> tuple[str, ...]:
    """Class names of a head that was trained; empty where the folder holds a bare encoder."""
    architectures = config.get("architectures") or []
    names = config.get("id2label") or {}
    if not any(str(name).endswith("ForSequenceClassification") for name in architectures):
        return ()
    return tuple(str(names[key]) for key in sorted(names, key=int))


def _load(source: Source, labels: tuple[str, ...], *, keep_head: bool, seed: int) -> tuple[Any, Any]:
    """Network in float32 and tokenizer."""
    import torch
    from safetensors import SafetensorError
    from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer

    safe: dict[str, Any] = {"trust_remote_code": False, "local_files_only": True}
    try:
        config = AutoConfig.from_pretrained(source.path, **safe)
        config.id2label = dict(enumerate(labels))
        config.label2id = {label: index for index, label in enumerate(labels)}
        config.problem_type = "single_label_classification"
        tokenizer = AutoTokenizer.from_pretrained(source.path, **safe)
        if config.pad_token_id is None:
            config.pad_token_id = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else 0
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network, found = AutoModelForSequenceClassification.from_pretrained(
                source.path,
                config=config,
                dtype=torch.float32,
                use_safetensors=True,
                ignore_mismatched_sizes=not keep_head,
                output_loading_info=True,
                **safe,
            )
            if not keep_head:
                _renew_head(network, AutoModelForSequenceClassification.from_config(config), source)
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise InputError(
            f"transformers cannot load it as a text classifier: {str(error).splitlines()[0]}",
            expected="an encoder that AutoModelForSequenceClassification takes, with its tokenizer",
            where=source.reference,
        ) from error
    _check_encoder(network, found, source)
    return network, tokenizer


def _renew_head(network: Any, fresh: Any, source: Source) -> None:
    """Replace everything but the encoder, so that the head depends on the seed alone."""
    if network.base_model is network:
        raise InputError("cannot tell the encoder from its head", where=source.reference)
    for name, module in network.named_children():
        if module is not network.base_model:
            module.load_state_dict(getattr(fresh, name).state_dict())


def _check_encoder(network: Any, found: dict[str, Any], source: Source) -> None:
    """A checkpoint of other names would leave the encoder random without a word."""
    prefix = network.base_model_prefix + "."
    mismatched = {item[0] if isinstance(item, tuple) else item for item in found["mismatched_keys"]}
    # Checkpoints of masked language models have no pooler: it is trained with the head.
    lacking = sorted(
        name for name in {*found["missing_keys"], *mismatched} if name.startswith(prefix) and ".pooler." not in name
    )
    if lacking:
        raise InputError(
            f"{len(lacking)} weights of the encoder are missing or of another shape, such as {lacking[0]}",
            expected="the weights that config.json describes",
            where=source.reference,
        )


def _save(network: Any, tokenizer: Any, out: Path, source: Source) -> None:
    network.save_pretrained(out)
    tokenizer.save_pretrained(out)
    if not (out / "tokenizer.json").is_file():
        raise InputError(
            "its tokenizer has no tokenizer.json",
            expected="a fast tokenizer",
            fix="save it with transformers' AutoTokenizer(...).save_pretrained",
            where=source.reference,
        )


def _input_names(network: Any, tokenizer: Any) -> tuple[str, ...]:
    """What the collated batch holds: what the tokenizer makes and the network takes."""
    import inspect

    taken = inspect.signature(network.forward).parameters
    names = ("input_ids", "attention_mask", "token_type_ids")
    return tuple(name for name in names if name in taken and name in tokenizer.model_input_names)


def length_limit(network: Any, tokenizer: Any) -> int:
    """Most tokens that one row may have: the tokenizer's limit or the number of positions."""
    positions = int(getattr(network.config, "max_position_embeddings", None) or tokenizer.model_max_length)
    for name, module in network.named_modules():
        # RoBERTa and its kin count positions from after the padding index.
        if name.endswith("position_embeddings") and getattr(module, "padding_idx", None) is not None:
            positions -= module.padding_idx + 1
    return min(int(tokenizer.model_max_length), positions)
