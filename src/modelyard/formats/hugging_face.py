"""A foreign classifier in Hugging Face layout: its config, its classes, and a head for other classes.

Reads safetensors and JSON only; no code that came with the files is run. Knows no kind of input.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from modelyard.core.errors import InputError
from modelyard.core.source import Source

SAFE: dict[str, Any] = {"trust_remote_code": False, "local_files_only": True}
"""Arguments with which transformers neither runs foreign code nor reaches out."""


def read_config(source: Source, *, layout: str) -> dict[str, Any]:
    """``config.json`` of a folder whose weights are safetensors.

    Args:
        layout: the files that such a folder holds, for the error.

    Raises:
        InputError: no readable config, remote code, or no safetensors.
    """
    config = read_any_config(source, layout=layout)
    if not any(source.path.glob("*.safetensors")):
        raise InputError(
            "no weights in safetensors",
            expected="model.safetensors; pickled weights (.bin, .pt) can run code and are never opened",
            fix="convert the weights to safetensors where you trust them",
            where=source.reference,
        )
    return config


def read_any_config(source: Source, *, layout: str) -> dict[str, Any]:
    """The same, whatever the weights are."""
    try:
        config = json.loads((source.path / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(
            f"no readable config.json: {type(error).__name__}",
            expected=f"a folder in Hugging Face layout: {layout}",
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
    return config


def choose_labels(own: Sequence[str], wanted: Sequence[str], source: Source) -> tuple[str, ...]:
    """Class names of the adopted model: those wanted; the source's own, in their order, where they are the same.

    Raises:
        InputError: fewer than two classes, or one twice.
    """
    names = tuple(wanted) or tuple(own)
    if len(names) < 2 or len(set(names)) != len(names):
        raise InputError(
            f"{len(set(names))} classes for a classifier: {', '.join(names) or 'none'}",
            expected="two or more different class names",
            fix="give data with a label column, or a model that was trained as a classifier",
            where=source.reference,
        )
    return tuple(own) if set(names) == set(own) else names


def own_labels(config: dict[str, Any], *, kind: str) -> tuple[str, ...]:
    """Class names of a head that was trained; empty where the folder holds a bare encoder.

    Args:
        kind: end of the names of architectures with such a head, as ``ForSequenceClassification``.
    """
    architectures = config.get("architectures") or []
    return named_classes(config) if any(str(name).endswith(kind) for name in architectures) else ()


def named_classes(config: dict[str, Any]) -> tuple[str, ...]:
    """Class names that a configuration gives, whatever its head; empty where it gives none."""
    names = config.get("id2label") or {}
    return tuple(str(names[key]) for key in sorted(names, key=int))


def told_labels(own: Sequence[str], told: Sequence[str]) -> tuple[str, ...]:
    """Class names of a trained head: those that the user tells, or its own.

    Raises:
        InputError: not as many names as the head has outputs.
    """
    if own and told and len(told) != len(own):
        raise InputError(
            f"{len(told)} labels for a head of {len(own)} classes",
            expected=f"{len(own)} names in the order of the outputs",
            fix="leave labels out and give data, to have a new head for the classes of the data",
        )
    return tuple(told) if own and told else tuple(own)


def set_labels(config: Any, labels: Sequence[str]) -> None:
    """Write the classes into a configuration of transformers."""
    config.id2label = dict(enumerate(labels))
    config.label2id = {label: index for index, label in enumerate(labels)}
    config.problem_type = "single_label_classification"


def load_classifier(auto: Any, source: Source, config: Any, *, keep_head: bool, seed: int) -> Any:
    """The network in float32, with its own head or one drawn from ``seed``.

    Args:
        auto: a class of transformers with ``from_pretrained`` and ``_from_config`` or ``from_config``.
        config: its configuration, classes included.

    Raises:
        InputError: weights of the encoder are missing or of another shape.
    """
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network, found = auto.from_pretrained(
            source.path,
            config=config,
            dtype=torch.float32,
            use_safetensors=True,
            ignore_mismatched_sizes=not keep_head,
            output_loading_info=True,
            **SAFE,
        )
        if not keep_head:
            _renew_head(network, type(network)(config), source)
    _check_encoder(network, found, source)
    return network


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
