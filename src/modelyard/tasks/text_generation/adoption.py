"""Turns a foreign Hugging Face folder or a GGUF file into a language model.

Reads safetensors, GGUF, JSON and tokenizer files only: no pickle, and no code that came with the files.
"""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any

from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.source import Source

LENGTH_CAP = 256
"""Default limit in tokens of one document in training and evaluation; prompts may fill the context."""


def adopt(source: Source, out: Path, *, task: str) -> Model:
    """Write network and tokenizer to ``out`` in Hugging Face layout and seal the model.

    A GGUF file is dequantized, once: float32 opens in a fraction of a second, reading and dequantizing 135 million
    weights takes ten.

    Raises:
        InputError: neither such a folder nor a GGUF file, remote code, no safetensors, or an architecture
            whose cache is not keys and values.
    """
    network, tokenizer = _load_gguf(source) if source.path.is_file() else _load_folder(source)
    _check_architecture(network, source)
    network.save_pretrained(out)
    tokenizer.save_pretrained(out)
    if not (out / "tokenizer.json").is_file():
        raise InputError("its tokenizer has no tokenizer.json", expected="a fast tokenizer", where=source.reference)
    context = _context(network, tokenizer)
    settings = {
        "context": context,
        "max_length": min(LENGTH_CAP, context),
        "cache": _cache_shape(network, source),
        "stop_ids": _stop_ids(network, tokenizer),
    }
    return Model.write(out, task=task, runtime="torch", base=source.reference, parents=[], settings=settings)


def _load_folder(source: Source) -> tuple[Any, Any]:
    folder = source.path
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(
            f"no readable config.json: {type(error).__name__}",
            expected="a GGUF file, or a folder in Hugging Face layout: config.json, *.safetensors, tokenizer.json",
            where=source.reference,
        ) from None
    if not isinstance(config, dict) or "auto_map" in config:
        raise InputError(
            "the model brings its own code (auto_map in config.json); it is not run",
            expected="an architecture that transformers knows by itself",
            where=source.reference,
        )
    if not any(folder.glob("*.safetensors")):
        raise InputError(
            "no weights in safetensors",
            expected="model.safetensors; pickled weights (.bin, .pt) can run code and are never opened",
            where=source.reference,
        )
    network, found, tokenizer = _load(folder, source, use_safetensors=True)
    lacking = sorted(set(found["missing_keys"]) - set(getattr(network, "_tied_weights_keys", None) or ()))
    if lacking or found["mismatched_keys"]:
        raise InputError(
            f"weights are missing or of another shape, such as {[*lacking, *found['mismatched_keys']][0]}",
            expected="the weights that config.json describes",
            where=source.reference,
        )
    return network, tokenizer


def _load_gguf(source: Source) -> tuple[Any, Any]:
    network, _, tokenizer = _load(source.path.parent, source, gguf_file=source.path.name)
    # transformers takes a dequantized network for a quantized one still and would not save it.
    network.hf_quantizer = None
    del network.config.quantization_config
    return network, tokenizer


def _load(folder: Path, source: Source, **how: Any) -> tuple[Any, dict[str, Any], Any]:
    """Network in float32, what was found of its weights, and tokenizer."""
    import torch
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM, AutoTokenizer

    safe: dict[str, Any] = {"trust_remote_code": False, "local_files_only": True}
    gguf = {"gguf_file": how["gguf_file"]} if "gguf_file" in how else {}
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, **gguf, **safe)
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            folder, dtype=torch.float32, output_loading_info=True, **how, **safe
        )
    except (OSError, ValueError, KeyError, IndexError, RuntimeError, SafetensorError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise InputError(
            f"transformers cannot load it as a language model: {reason}",
            expected="a causal language model that AutoModelForCausalLM takes, with its tokenizer",
            where=source.reference,
        ) from error
    network, found = loaded
    return network.eval(), found, tokenizer


def _check_architecture(network: Any, source: Source) -> None:
    taken = inspect.signature(network.forward).parameters
    lacking = [name for name in ("position_ids", "past_key_values", "logits_to_keep") if name not in taken]
    if lacking:
        raise InputError(
            f"{type(network).__name__} takes no {lacking[0]}",
            expected="a causal language model with rotary or learned positions and a key–value cache, such as Llama",
            where=source.reference,
        )


def _cache_shape(network: Any, source: Source) -> list[list[int]]:
    from modelyard.tasks.text_generation.network import cache_shape

    shapes = cache_shape(network)
    if shapes is None:
        raise InputError(
            f"the state of {type(network).__name__} is not a key and a value for each token",
            expected="a transformer with attention in every layer",
            where=source.reference,
        )
    return shapes


def _context(network: Any, tokenizer: Any) -> int:
    """Most tokens of prompt and answer together."""
    positions = getattr(network.config, "max_position_embeddings", None)
    return int(min(positions or tokenizer.model_max_length, tokenizer.model_max_length))


def _stop_ids(network: Any, tokenizer: Any) -> list[int]:
    """Tokens that end an answer."""
    found = {tokenizer.eos_token_id}
    for config in (network.config, network.generation_config):
        ids = getattr(config, "eos_token_id", None)
        found |= set(ids) if isinstance(ids, list) else {ids}
    return sorted(found - {None})
