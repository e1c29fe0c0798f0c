"""Turns a foreign Hugging Face folder into a text classifier with a head for the given classes.

Reads safetensors, JSON and tokenizer files only: no pickle, and no code that came with the files.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from modelyard.core.dataset import Dataset
from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.source import Source
from modelyard.core.task import NO_HINTS, Hints
from modelyard.formats import hugging_face

KIND = "ForSequenceClassification"
LENGTH_CAP = 256
"""Default limit in tokens. The cost of a row grows with its length, and the class of a text nearly always shows in
its first paragraph; ``finetune full`` takes ``max_length`` for those where it does not."""


def adopt(source: Source, out: Path, *, task: str, data: Dataset | None, seed: int, hints: Hints = NO_HINTS) -> Model:
    """Write network and tokenizer to ``out`` in Hugging Face layout and seal the model.

    A head that was trained for the same class names is kept; any other is replaced by a random one
    drawn from ``seed``. Without data the source's own head and class names are taken, or those told.

    Raises:
        InputError: not a folder of that layout, remote code, no safetensors, or fewer than two classes.
    """
    config = hugging_face.read_config(source, layout="config.json, *.safetensors, tokenizer.json")
    own = hugging_face.told_labels(hugging_face.own_labels(config, kind=KIND), hints.labels)
    names = hugging_face.choose_labels(own, data.labels if data else hints.labels, source)
    network, tokenizer = _load(source, names, keep_head=names == own, seed=seed)
    _save(network, tokenizer, out, source)
    inputs = _input_names(network, tokenizer)
    limit = length_limit(network, tokenizer)
    settings = {"max_length": min(LENGTH_CAP, limit), "length_limit": limit, "inputs": list(inputs)}
    return Model.write(
        out, task=task, runtime="torch", base=source.reference, parents=[], labels=names, settings=settings
    )


def _load(source: Source, labels: tuple[str, ...], *, keep_head: bool, seed: int) -> tuple[Any, Any]:
    """Network in float32 and tokenizer."""
    from safetensors import SafetensorError
    from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer

    try:
        config = AutoConfig.from_pretrained(source.path, **hugging_face.SAFE)
        hugging_face.set_labels(config, labels)
        tokenizer = AutoTokenizer.from_pretrained(source.path, **hugging_face.SAFE)
        if config.pad_token_id is None:
            config.pad_token_id = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else 0
        network = hugging_face.load_classifier(
            AutoModelForSequenceClassification, source, config, keep_head=keep_head, seed=seed
        )
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise InputError(
            f"transformers cannot load it as a text classifier: {str(error).splitlines()[0]}",
            expected="an encoder that AutoModelForSequenceClassification takes, with its tokenizer",
            where=source.reference,
        ) from error
    return network, tokenizer


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
