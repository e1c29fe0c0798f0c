"""``load model``: foreign model files become a model, with a new head where the task needs one.

Knows no architecture: the task adopts the files after they were found safe to open.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Literal

from modelyard.core import lookup, memory
from modelyard.core.dataset import Dataset
from modelyard.core.model import Model
from modelyard.core.source import Source
from modelyard.core.step import step
from modelyard.core.task import Hints
from modelyard.formats import blueprint, saved_model
from modelyard.steps.load._inspection import inspect

FLOAT_BYTES = 4
"""Of one weight: whatever type the file has, a model is adopted in float32."""


@step
def model(
    source: Source,
    data: Dataset | None = None,
    *,
    out: Path,
    task: str,
    labels: list[str] | None = None,
    outputs: Literal["auto", "logits", "probabilities"] = "auto",
    pixels: Literal["auto", "0..1", "-1..1", "0..255", "imagenet"] = "auto",
    seed: int = 0,
) -> Model:
    """Take over a pretrained model, or make a new one.

    The files are judged by their content first: only safetensors and GGUF with a sound header, Keras files and ONNX
    graphs are opened, pickles never, and a model's own Python code is never run. Where a limit of memory is stated
    (`MODELYARD_MEMORY_LIMIT`), weights that do not fit in float32 are refused by their headers.

    An ONNX graph becomes a model on the runtime `onnxruntime`: it can be evaluated, quantized, exported and served, not
    trained. So does a SavedModel of TensorFlow, which tf2onnx converts in an environment of its own; where that is
    missing, the error prints the commands that make it. What had to be assumed is said, and kept with the model.

    Args:
        source: a folder in Hugging Face layout, a GGUF, Keras or ONNX file, a SavedModel, or a network to make anew:
            new:mlp for tables, new:resnet-18 or new:resnet-50 for images.
        data: the data it is meant for; their classes become the model's outputs, their transforms the model's own, and
            what a new network must know of their columns is fitted on the split train.
        task: what the model shall do, as a Hugging Face pipeline tag such as text-classification.
        labels: class names in the order of the model's outputs, where its files do not name them.
        outputs: what an ONNX classifier gives; auto asks it on rows of noise.
        pixels: values that an ONNX network over images takes; auto reads preprocessor_config.json, and without one
            assumes imagenet with channels first, and 0..1 with channels last or in grey.
        seed: of the weights of a new head, or of a whole new network.

    Raises:
        InputError: unknown task, unsafe or damaged files, or files that the task cannot use.
    """
    chosen = lookup.task(task)
    if blueprint.read(source) is None:
        numbers = inspect(source)
        memory.require(numbers * FLOAT_BYTES, memory.stated_limit(), source.reference, "torch, in float32")
    hints = Hints(tuple(labels or ()), outputs, pixels)
    with tempfile.TemporaryDirectory(prefix="modelyard-saved-model-") as folder:
        if saved_model.is_saved_model(source.path):
            source = saved_model.to_onnx(source, Path(folder))
        adopted = chosen.adopt(source, out, data=data, seed=seed, hints=hints)
    if data is None:
        return adopted
    return adopted.rewrite(out, parents=[data], transforms=data.transforms)
