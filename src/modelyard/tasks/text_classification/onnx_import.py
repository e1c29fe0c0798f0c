"""Takes over a foreign ONNX graph from texts to classes: a folder with its tokenizer and config.json beside it.

The usual layout of exported Hugging Face models. Loads neither torch nor transformers.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from modelyard.core.dataset import Dataset
from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.source import Source
from modelyard.core.task import Hints
from modelyard.formats import hugging_face, onnx_adoption, onnx_source, onnx_trial
from modelyard.formats.onnx_rewiring import BATCH, Rewiring
from modelyard.tasks.text_classification import processor
from modelyard.tasks.text_classification.processor import Processor

LAYOUT = "model.onnx, config.json, tokenizer.json"
NAMES = ("input_ids", "attention_mask", "token_type_ids")
LENGTH_CAP = 256
"""Default limit in tokens, as for a model that is trained here."""
ROWS, LENGTH = 16, 12
"""Of random words, that the graph is tried on."""


def adopt(source: Source, out: Path, *, task: str, data: Dataset | None, hints: Hints) -> Model:
    """Write graph and tokenizer to ``out`` and seal the model.

    Raises:
        InputError: files that are refused or missing, or a graph that does not take what the tokenizer gives.
    """
    with onnx_adoption.naming(source):
        config = _read_config(source)
        graph = onnx_source.read(source)
        rewiring = Rewiring(graph)
        inputs = _connect(rewiring)
        tokens = _processor(source, config, inputs)
        arrays = tokens.synthetic(ROWS, min(LENGTH, tokens.max_length))
        _check_length(rewiring, tokens)
        own = hugging_face.named_classes(config)
        labels, found = onnx_adoption.write_classifier(graph, rewiring, arrays, out, hints=hints, own=own, data=data)
    shutil.copyfile(source.path / processor.TOKENIZER, out / processor.TOKENIZER)
    names = {"id2label": dict(enumerate(labels)), "label2id": {label: place for place, label in enumerate(labels)}}
    (out / processor.CONFIG).write_text(json.dumps({**config, **names}, indent=2) + "\n", encoding="utf-8")
    settings = {"max_length": tokens.max_length, "inputs": list(inputs)}
    assumed = [*found, f"texts are cut after {tokens.max_length} tokens"]
    return onnx_adoption.seal(source, out, graph, task=task, labels=labels, settings=settings, assumed=assumed)


def _read_config(source: Source) -> dict[str, Any]:
    if not source.path.is_dir() or not (source.path / processor.TOKENIZER).is_file():
        raise InputError(
            f"no {processor.TOKENIZER} beside the graph", expected=f"a folder with {LAYOUT}", fix="name the folder"
        )
    config = hugging_face.read_any_config(source, layout=LAYOUT)
    if config.get("problem_type") == "multi_label_classification":
        raise InputError("its classes do not exclude each other", expected="a model that chooses one class")
    return config


def _connect(rewiring: Rewiring) -> tuple[str, ...]:
    from onnx import TensorProto

    ports = {port.name: port for port in rewiring.ports}
    unknown = [name for name in ports if name not in NAMES]
    if unknown or "input_ids" not in ports:
        raise InputError(
            f"its inputs are {', '.join(ports)}",
            expected=f"those that a tokenizer makes: {', '.join(NAMES)}",
            fix="export the classifier with these inputs",
        )
    for name in NAMES:
        if name in ports:
            port = ports[name]
            if len(port.shape) != 2 or port.shape[1] is not None:
                raise InputError(
                    f"the input {name!r} has the shape {port.shape}",
                    expected="rows of any number of tokens",
                    fix="export it again with a varying axis for the length",
                )
            value = rewiring.input(name, TensorProto.INT64, [BATCH, "sequence"])
            if port.type != TensorProto.INT64:
                value = rewiring.before("Cast", [value], to=port.type)
            rewiring.connect(port, value)
    return tuple(name for name in NAMES if name in ports)


def _processor(source: Source, config: dict[str, Any], inputs: tuple[str, ...]) -> Processor:
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_file(str(source.path / processor.TOKENIZER))
    except Exception as error:
        # The library raises nothing more special.
        raise InputError(f"{processor.TOKENIZER} cannot be read: {str(error)[:200]}") from None
    limits = [LENGTH_CAP, config.get("max_position_embeddings"), _tokenizer_limit(source.path)]
    most = min(int(limit) for limit in limits if isinstance(limit, int | float) and limit > 0)
    return processor.make(tokenizer, most, inputs, config, ())


def _tokenizer_limit(folder: Path) -> Any:
    try:
        return json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8")).get("model_max_length")
    except (OSError, ValueError, AttributeError, RecursionError):
        return None


def _check_length(rewiring: Rewiring, tokens: Processor) -> None:
    """RoBERTa and its kin have fewer places than their configuration says; a row of the full length tells."""
    try:
        found = onnx_trial.run(rewiring.raw(), tokens.synthetic(1, tokens.max_length))
    except InputError as error:
        raise InputError(
            f"it does not take a text of {tokens.max_length} tokens: {error.what}",
            expected="as many as config.json and tokenizer_config.json say",
            fix="write the right limit as model_max_length into tokenizer_config.json",
        ) from None
    if not any(np.isfinite(values).all() for values in found.values() if values.dtype.kind == "f"):
        raise InputError(f"its answer to a text of {tokens.max_length} tokens is no number")
